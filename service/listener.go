package service

import (
	"errors"
	"net"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A boundedListener bounds its connections. It closes a connection above the limit at once, because a caller that waited for
// a place would not know why. It can cut off its connections, even silent ones: grpc-go's Stop waits for their handshake.
type boundedListener struct {
	net.Listener
	limit  int    // 0: no bound
	onFull func() // called for each connection above the limit
	mu     sync.Mutex
	conns  map[net.Conn]struct{}
	cut    bool
}

// fullDoor logs, at most once a minute, that a door has as many connections as it may have.
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
		_ = conn.Close() // nobody uses it yet
	}
}

// track adds a connection; it returns nil for one above the limit.
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

// cutOff closes every connection, and every later one.
func (l *boundedListener) cutOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		_ = conn.(*boundedConn).Conn.Close() // it ends in any case
	}
	clear(l.conns)
}

// A boundedConn leaves its listener's list when it is closed.
type boundedConn struct {
	net.Conn
	listener *boundedListener
	remote   namedAddr
}

// RemoteAddr implements net.Conn.
func (c *boundedConn) RemoteAddr() net.Addr { return c.remote }

// Close implements net.Conn.
func (c *boundedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, net.Conn(c))
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// CloseWrite closes only the sending side. net/http does so when it refuses a request without reading all of it: otherwise
// the caller could not read the whole refusal.
func (c *boundedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// A namedAddr caches its text, with and without the port: each call asks for both.
type namedAddr struct {
	net.Addr
	text, host string
}

func nameAddr(addr net.Addr) namedAddr {
	text := addr.String()
	return namedAddr{addr, text, hostOf(text)}
}

func (a namedAddr) String() string { return a.text }
