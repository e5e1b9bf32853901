package service

import (
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A boundedListener has so many connections at once and no more: one that is too many is closed at once, because those who
// waited for a place would not know why. It can cut off its connections, also those that never began to speak: grpc-go's
// Stop waits for their handshake.
type boundedListener struct {
	net.Listener
	limit  int    // 0: no bound
	onFull func() // told when one is too many
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	cut    bool
}

// fullDoor logs, once a minute at most, that a door has no place for more connections.
func fullDoor(cfg Config, door string) func() {
	seldom := rate.Sometimes{Interval: time.Minute}
	return func() {
		seldom.Do(func() {
			cfg.Logger.Warn("the door has as many connections as it may have; new ones are closed", "door", door, "max_connections", cfg.MaxConnections)
		})
	}
}

// Accept implements net.Listener.
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if tracked, err := l.track(conn); tracked != nil || err != nil {
			return tracked, err
		}
		l.onFull()
		_ = conn.Close() // nobody has it
	}
}

// track notes a connection; it is nil for one too many.
func (l *boundedListener) track(conn net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = conn.Close() // nobody waits for it
		return nil, net.ErrClosed
	}
	if l.limit > 0 && len(l.conns) >= l.limit {
		return nil, nil
	}
	if l.conns == nil {
		l.conns = map[net.Conn]struct{}{}
	}
	tracked := &boundedConn{conn, l, nameAddr(conn.RemoteAddr())}
	l.conns[tracked] = struct{}{}
	return tracked, nil
}

// cutOff closes every connection there is or comes.
func (l *boundedListener) cutOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		_ = conn.(*boundedConn).Conn.Close() // it ends in any case
	}
	clear(l.conns)
}

// boundedConn takes itself off the list when it is closed.
type boundedConn struct {
	net.Conn
	listener *boundedListener
	remote   namedAddr
}

// RemoteAddr implements net.Conn.
func (c *boundedConn) RemoteAddr() net.Addr { return c.remote }

// CloseWrite ends what is sent alone. net/http does so when it refuses a request that it has not read to its end: the caller
// could not read the refusal to its end otherwise.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// A namedAddr has its text, and that without the port, for which each call on the connection asks.
type namedAddr struct {
	net.Addr
	text, host string
}

func nameAddr(addr net.Addr) namedAddr {
	text := addr.String()
	return namedAddr{addr, text, hostOf(text)}
}

func (a namedAddr) String() string { return a.text }

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, net.Conn(c))
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
