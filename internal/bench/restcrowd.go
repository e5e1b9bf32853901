package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// A wire is the HTTP/1.1 connection of one caller. It is written by hand because net/http's client costs more than many
// servers.
type wire struct {
	conn net.Conn
	read *bufio.Reader
}

// newRESTCrowd makes callers that have a connection each.
func newRESTCrowd(ctx context.Context, addr string, tlsConfig *tls.Config, callers int, q question) (*crowd, error) {
	c := &crowd{}
	for range callers {
		w, err := openWire(ctx, addr, tlsConfig)
		if err != nil {
			c.close()
			return nil, err
		}
		c.closes = append(c.closes, func() { _ = w.conn.Close() })
		request := restRequest(addr, tlsConfig != nil, q)
		c.loops = append(c.loops, ask(func(context.Context) error {
			if q.fresh != nil {
				request = restRequest(addr, tlsConfig != nil, q)
			}
			return w.ask(request)
		}).repeat)
	}
	return c, nil
}

func openWire(ctx context.Context, addr string, tlsConfig *tls.Config) (*wire, error) {
	conn, err := connect(ctx, addr, tlsConfig, "http/1.1")
	if err != nil {
		return nil, err
	}
	const buffer = 16 << 10
	return &wire{conn, bufio.NewReaderSize(conn, buffer)}, nil
}

func restRequest(addr string, authorized bool, q question) []byte {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\n", q.path(), addr)
	if authorized {
		request = append(request, "Authorization: "+authorization+"\r\n"...)
	}
	return append(request, "\r\n"...)
}

// ask sends the request and reads the answer.
func (w *wire) ask(request []byte) error {
	if _, err := w.conn.Write(request); err != nil {
		return err
	}
	status, length, err := readHead(w.read)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(w.read, int64(length))) // for the error, as far as it can be read
		return fmt.Errorf("HTTP status %d: %s", status, body)
	}
	_, err = w.read.Discard(length)
	return err
}

// readHead reads an answer up to its body. The header must give the length of the body.
func readHead(r *bufio.Reader) (status, length int, err error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	text, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(text) < 3 {
		return 0, 0, fmt.Errorf("%q is not a status line", line)
	}
	if status, err = strconv.Atoi(string(text[:3])); err != nil {
		return 0, 0, fmt.Errorf("%q is not a status line", line)
	}
	length = -1
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if !bytes.EqualFold(name, []byte("content-length")) {
			continue
		}
		if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
			return 0, 0, fmt.Errorf("%q has no length", line)
		}
	}
	if length < 0 {
		return 0, 0, errors.New("an answer does not tell its length")
	}
	return status, length, nil
}
