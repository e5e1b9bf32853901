package service

import (
	"log/slog"
	"net"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"
)

// toldHandshakes logs the handshakes that fail, as net/http does at the REST door; one a second at most, since strangers can
// make any number of them.
type toldHandshakes struct {
	credentials.TransportCredentials
	log    *slog.Logger
	seldom *rate.Sometimes
}

func tellHandshakes(transport credentials.TransportCredentials, log *slog.Logger) credentials.TransportCredentials {
	return toldHandshakes{transport, log, &rate.Sometimes{Interval: time.Second}}
}

// ServerHandshake implements credentials.TransportCredentials.
func (t toldHandshakes) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secured, info, err := t.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		t.seldom.Do(func() {
			t.log.Warn("a TLS handshake failed", "door", doorGRPC, "peer", conn.RemoteAddr().String(), "cause", err.Error())
		})
	}
	return secured, info, err
}

// Clone implements credentials.TransportCredentials.
func (t toldHandshakes) Clone() credentials.TransportCredentials {
	return toldHandshakes{t.TransportCredentials.Clone(), t.log, t.seldom}
}
