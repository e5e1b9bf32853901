package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// An ask is a caller who asks once, and waits for the answer; a call that fails is an error.
type ask func(ctx context.Context) error

// A loop asks again and again until the end, and tells how long each call took that was answered.
type loop func(ctx context.Context, end time.Time) ([]time.Duration, error)

// A crowd is callers who each ask again as soon as they have their answer.
type crowd struct {
	loops  []loop
	closes []func()
}

// close ends their connections.
func (c *crowd) close() {
	for _, end := range c.closes {
		end()
	}
}

// A load is what a crowd saw.
type load struct {
	took    []time.Duration // of every call, sorted
	elapsed time.Duration
}

// run lets the crowd ask for a time. One call that fails ends it.
func (c *crowd) run(ctx context.Context, d time.Duration) (load, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d+patience, errors.New("a call is not answered"))
	defer cancel()
	defer context.AfterFunc(ctx, c.close)() // what is read from a connection knows no context
	took := make([][]time.Duration, len(c.loops))
	group, groupCtx := errgroup.WithContext(ctx)
	begin := time.Now()
	for i, repeat := range c.loops {
		group.Go(func() (err error) {
			took[i], err = repeat(groupCtx, begin.Add(d))
			return err
		})
	}
	err := group.Wait()
	l := load{took: slices.Concat(took...), elapsed: time.Since(begin)}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	slices.Sort(l.took)
	return l, err
}

// usualCalls is for how many a loop has room, for each of its callers, so that its slice seldom grows.
const usualCalls = 1 << 13

// repeat is the loop of one caller.
func (once ask) repeat(ctx context.Context, end time.Time) ([]time.Duration, error) {
	took := make([]time.Duration, 0, usualCalls)
	for begin := time.Now(); begin.Before(end) && ctx.Err() == nil; {
		if err := once(ctx); err != nil {
			return took, err
		}
		now := time.Now()
		took = append(took, now.Sub(begin))
		begin = now
	}
	return took, nil
}

// connect makes a connection of a protocol, with TLS where tlsConfig is not nil.
func connect(ctx context.Context, addr string, tlsConfig *tls.Config, protocol string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil || tlsConfig == nil {
		return conn, err
	}
	config := tlsConfig.Clone()
	config.ServerName, config.NextProtos = "127.0.0.1", []string{protocol}
	encrypted := tls.Client(conn, config)
	if err := encrypted.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return encrypted, nil
}

// A question is asked about one device and may be answered from the cache, or about another device each time, and may not.
type question struct {
	iccid string
	fresh *devices // nil for the one device
}

// devices are numbers that were not asked about before.
type devices struct{ last atomic.Int64 }

func (d *devices) next() string { return fmt.Sprintf("898810%013d", d.last.Add(1)) }

// device is the one to ask about now.
func (q question) device() string {
	if q.fresh != nil {
		return q.fresh.next()
	}
	return q.iccid
}

// message is the request over gRPC.
func (q question) message() ([]byte, error) {
	req := &usagev1.GetDeviceUsageInZoneRequest{Iccid: q.device()}
	if q.fresh != nil {
		req.MaxAge = durationpb.New(0)
	}
	return proto.Marshal(req)
}

// path is the request over REST.
func (q question) path() string {
	path := "/v1/devices/" + q.device() + "/usageInZone"
	if q.fresh != nil {
		path += "?maxAge=0s"
	}
	return path
}
