package service

import (
	"net"
	"sync"
)

// A cuttingListener can cut off its connections, also those that never began to speak: grpc-go's Stop waits for their
// handshake.
type cuttingListener struct {
	net.Listener
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	cut   bool
}

// Accept implements net.Listener.
func (l *cuttingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cut {
		_ = conn.Close() // nobody waits for it
		return nil, net.ErrClosed
	}
	if l.conns == nil {
		l.conns = map[net.Conn]struct{}{}
	}
	tracked := &cuttingConn{conn, l}
	l.conns[tracked] = struct{}{}
	return tracked, nil
}

// cutOff closes every connection there is or comes.
func (l *cuttingListener) cutOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
	for conn := range l.conns {
		_ = conn.(*cuttingConn).Conn.Close() // it ends in any case
	}
	clear(l.conns)
}

// cuttingConn takes itself off the list when it is closed.
type cuttingConn struct {
	net.Conn
	listener *cuttingListener
}

// Close implements net.Conn.
func (c *cuttingConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.conns, net.Conn(c))
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
