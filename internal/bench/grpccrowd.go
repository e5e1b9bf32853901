package main

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"time"
)

// maxConnections is the most connections that the callers over gRPC share.
const maxConnections = 4

// newGRPCCrowd makes callers that share a few connections.
func newGRPCCrowd(ctx context.Context, addr string, tlsConfig *tls.Config, callers int, q question) (*crowd, error) {
	request, err := q.request()
	if err != nil {
		return nil, err
	}
	c := &crowd{}
	links := min(callers, maxConnections)
	for i := range links {
		l, err := openLink(ctx, addr, tlsConfig)
		if err != nil {
			c.close()
			return nil, err
		}
		c.closes = append(c.closes, func() { _ = l.conn.Close() })
		share := party{link: l, callers: (callers + i) / links, question: q, request: request}
		c.loops = append(c.loops, share.repeat)
	}
	return c, nil
}

// A party is the callers on one connection, each with one call at a time. One goroutine does the work of all of them.
type party struct {
	*link
	callers  int
	question question
	request  []byte // the bytes of the question, if they are always the same
}

// repeat lets all callers ask until the end.
func (p party) repeat(ctx context.Context, end time.Time) ([]time.Duration, error) {
	took := make([]time.Duration, 0, p.callers*usualCalls)
	for range p.callers {
		if err := p.ask(&call{begin: time.Now()}); err != nil {
			return took, err
		}
	}
	for len(p.open) > 0 {
		answered, err := p.next()
		if err != nil {
			return took, err
		}
		if answered == nil {
			continue
		}
		now := time.Now()
		took = append(took, now.Sub(answered.begin))
		if ctx.Err() != nil || !now.Before(end) {
			continue
		}
		*answered = call{begin: now}
		if err := p.ask(answered); err != nil {
			return took, err
		}
	}
	return took, p.write.Flush()
}

// ask adds the question to what the link sends before its next read.
func (p party) ask(c *call) (err error) {
	request := p.request
	if p.question.fresh != nil {
		if request, err = p.question.request(); err != nil {
			return err
		}
	}
	return p.send(c, request)
}

// request is the question as gRPC sends it: a prefix of messagePrefix bytes, and the message.
func (q question) request() ([]byte, error) {
	message, err := q.message()
	request := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message)))
	return append(request, message...), err
}
