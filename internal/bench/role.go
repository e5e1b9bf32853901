package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
)

// anywhere is an address with a free port, which only this machine can reach.
const anywhere = "127.0.0.1:0"

// tlsFlags are the flags of a reference with TLS.
type tlsFlags struct{ cert, key string }

func (f *tlsFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.cert, "cert", "", "the file of the server's certificate")
	flags.StringVar(&f.key, "key", "", "the file of its key")
}

// announce listens on a free port, and prints the address for the process that started the role.
func announce(ctx context.Context) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", anywhere)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintln(os.Stdout, listener.Addr())
	return listener, err
}

// serveHTTP serves with net/http's defaults until ctx ends.
func serveHTTP(ctx context.Context, handler http.Handler, secure tlsFlags) error {
	listener, err := announce(ctx)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if secure.cert != "" {
		err = server.ServeTLS(listener, secure.cert, secure.key)
	} else {
		err = server.Serve(listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
