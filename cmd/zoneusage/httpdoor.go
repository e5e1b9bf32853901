package main

import (
	"context"
	"net"
	"net/http"
)

// An httpDoor is an HTTP server on an address. The zero httpDoor listens nowhere.
type httpDoor struct {
	listener net.Listener
	server   *http.Server
	ended    chan struct{} // closed when the server has ended
	err      error         // why it ended
}

// openHTTPDoor serves on the address until close. It calls onEnd, unless that is nil, with the reason for the end.
func openHTTPDoor(ctx context.Context, addr string, server *http.Server, onEnd func(error)) (*httpDoor, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	d := &httpDoor{listener: listener, server: server, ended: make(chan struct{})}
	go func() {
		defer close(d.ended)
		d.err = d.server.Serve(listener)
		if onEnd != nil {
			onEnd(d.err)
		}
	}()
	return d, nil
}

// addr is the address that the door listens on; empty for none.
func (d *httpDoor) addr() string {
	if d.listener == nil {
		return ""
	}
	return d.listener.Addr().String()
}

// close ends the server at once, with all that it still has to answer.
func (d *httpDoor) close() {
	if d.listener == nil {
		return
	}
	_ = d.server.Close() // it ends in any case
	<-d.ended
}
