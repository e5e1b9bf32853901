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

// An ask makes one call and waits for the answer. It fails if the call fails.
type ask func(ctx context.Context) error

// A loop makes one call after another until the end, and returns how long each answered call took.
type loop func(ctx context.Context, end time.Time) ([]time.Duration, error)

// A crowd is a number of callers, each of which asks again as soon as it has its answer.
type crowd struct {
	loops  []loop
	closes []func()
}

// close closes the callers' connections.
func (c *crowd) close() {
	for _, end := range c.closes {
		end()
	}
}

// A load is what a crowd measured.
type load struct {
	took    []time.Duration // how long each call took, sorted
	elapsed time.Duration
}

// run lets the crowd ask for the time d. The first failed call ends it.
func (c *crowd) run(ctx context.Context, d time.Duration) (load, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, d+patience, errors.New("a call is not answered"))
	defer cancel()
	defer context.AfterFunc(ctx, c.close)() // ends reads from the connections, which do not watch ctx
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

// usualCalls is the number of calls of one caller for which a loop has room at first, so that its slice seldom grows.
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

// connect opens a connection for a protocol, with TLS unless tlsConfig is nil.
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

// A question is about one device, and may be answered from the cache. Or it is about a new device each time, and may not.
type question struct {
	iccid string
	fresh *devices // nil for the question about one device
}

// devices makes ICCIDs that were not asked about before.
type devices struct{ last atomic.Int64 }

func (d *devices) next() string { return fmt.Sprintf("898810%013d", d.last.Add(1)) }

// device is the device to ask about now.
func (q question) device() string {
	if q.fresh != nil {
		return q.fresh.next()
	}
	return q.iccid
}

// message is the marshalled request over gRPC.
func (q question) message() ([]byte, error) {
	req := &usagev1.GetDeviceUsageInZoneRequest{Iccid: q.device()}
	if q.fresh != nil {
		req.MaxAge = durationpb.New(0)
	}
	return proto.Marshal(req)
}

// path is the path of the request over REST.
func (q question) path() string {
	path := "/v1/devices/" + q.device() + "/usageInZone"
	if q.fresh != nil {
		path += "?maxAge=0s"
	}
	return path
}
