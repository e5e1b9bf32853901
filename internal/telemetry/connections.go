package telemetry

import (
	"errors"
	"net"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// CountConnections counts the open connections that a door's listener accepts.
func (m *Metrics) CountConnections(door string, listener net.Listener) net.Listener {
	return &countingListener{listener, m.connections.WithLabelValues(door)}
}

type countingListener struct {
	net.Listener
	open prometheus.Gauge
}

// Accept implements net.Listener.
func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Inc()
	return &countedConn{Conn: conn, closed: sync.OnceFunc(l.open.Dec)}, nil
}

// A countedConn is subtracted from the count when it is first closed.
type countedConn struct {
	net.Conn
	closed func()
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// CloseWrite closes only the sending side. net/http needs this when it refuses a request that it has not read to the end.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
