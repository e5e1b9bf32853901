package service

import (
	"bytes"
	"io"
	"log"
	"log/slog"
	"net"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"
)

// loggedHandshakes logs failed gRPC handshakes, as net/http does at the REST door: at most one a second, because strangers
// can make any number of them.
type loggedHandshakes struct {
	credentials.TransportCredentials
	logger *slog.Logger
	seldom *rate.Sometimes
}

func logHandshakes(transport credentials.TransportCredentials, logger *slog.Logger) credentials.TransportCredentials {
	return loggedHandshakes{transport, logger, &rate.Sometimes{Interval: time.Second}}
}

// ServerHandshake implements credentials.TransportCredentials.
func (t loggedHandshakes) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := t.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		t.seldom.Do(func() {
			t.logger.Warn("a TLS handshake failed", "door", doorGRPC, "peer", conn.RemoteAddr().String(), "cause", err.Error())
		})
	}
	return secured, info, err
}

// Clone implements credentials.TransportCredentials.
func (t loggedHandshakes) Clone() credentials.TransportCredentials {
	return loggedHandshakes{t.TransportCredentials.Clone(), t.logger, t.seldom}
}

// restErrors is net/http's log, with at most one failed handshake a second.
func restErrors(logger *slog.Logger) *log.Logger {
	out := slog.NewLogLogger(logger.Handler(), slog.LevelWarn)
	out.SetOutput(seldomHandshakes{out.Writer(), &rate.Sometimes{Interval: time.Second}})
	return out
}

type seldomHandshakes struct {
	io.Writer
	seldom *rate.Sometimes
}

// Write implements io.Writer.
func (w seldomHandshakes) Write(line []byte) (n int, err error) {
	if !bytes.Contains(line, []byte("TLS handshake error")) {
		return w.Writer.Write(line)
	}
	n = len(line)
	w.seldom.Do(func() { n, err = w.Writer.Write(line) })
	return n, err
}
