package trials_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// dialTimeout bounds a connection's making.
const dialTimeout = 20 * time.Second

// A wire is a client's end of HTTP/2, which sends what it likes. What the server says it counts: it must be read by listen.
type wire struct {
	*http2.Framer
	conn    net.Conn
	out     *bufio.Writer
	block   bytes.Buffer
	headers *hpack.Encoder
	ended   chan struct{}
}

// dialTLS makes a connection, and no more.
func (a *attacker) dialTLS(protocols ...string) (net.Conn, error) {
	config := a.config.Clone()
	config.NextProtos = protocols
	return tls.DialWithDialer(&net.Dialer{Timeout: dialTimeout}, "tcp", a.addr, config)
}

// newWire makes a connection and sends its preface.
func (a *attacker) newWire() (*wire, error) {
	conn, err := a.dialTLS("h2")
	if err != nil {
		return nil, err
	}
	w := &wire{conn: conn, out: bufio.NewWriterSize(conn, 64<<10), ended: make(chan struct{})}
	w.Framer = http2.NewFramer(w.out, conn)
	w.AllowIllegalWrites = true
	w.headers = hpack.NewEncoder(&w.block)
	_, _ = w.out.WriteString(http2.ClientPreface) // Flush tells
	_ = w.WriteSettings()
	if err := w.out.Flush(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return w, nil
}

// listen counts what the server says, in the background, until the connection ends. A connection without a stream that the
// server can answer says nothing but how it ended.
func (a *attacker) listen(w *wire) {
	a.listening.Go(func() {
		defer close(w.ended)
		w.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
		for {
			frame, err := w.ReadFrame()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) { // that was us
					a.said.add("closed the connection")
				}
				_ = w.conn.Close()
				return
			}
			if what := describe(frame); what != "" {
				a.said.add(what)
			}
		}
	})
}

// describe tells of a frame what it means for the sender; empty for nothing.
func describe(frame http2.Frame) string {
	switch frame := frame.(type) {
	case *http2.GoAwayFrame:
		return "GOAWAY " + frame.ErrCode.String() + " " + string(frame.DebugData())
	case *http2.RSTStreamFrame:
		return "RST_STREAM " + frame.ErrCode.String()
	case *http2.MetaHeadersFrame:
		for _, field := range frame.Fields {
			if field.Name == "grpc-status" {
				return "gRPC status " + field.Value
			}
		}
		return "HTTP status " + frame.PseudoValue("status")
	case *http2.PingFrame:
		return "PING"
	case *http2.SettingsFrame:
		if frame.IsAck() {
			return "SETTINGS ACK"
		}
	}
	return ""
}

// encode makes a header block.
func (w *wire) encode(fields ...hpack.HeaderField) []byte {
	w.block.Reset()
	for _, field := range fields {
		_ = w.headers.WriteField(field) // the buffer takes it
	}
	return bytes.Clone(w.block.Bytes())
}

// open begins a stream with a header block of any size.
func (w *wire) open(stream uint32, block []byte, endStream bool) error {
	const most = 16 << 10 // of a frame
	first := block[:min(most, len(block))]
	rest := block[len(first):]
	err := w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: endStream, EndHeaders: len(rest) == 0})
	for len(rest) > 0 && err == nil {
		part := rest[:min(most, len(rest))]
		rest = rest[len(part):]
		err = w.WriteContinuation(stream, len(rest) == 0, part)
	}
	return err
}

// drip sends the bytes one by one, and then none, until the server has enough; it fails when that takes longer than bound.
func drip(conn net.Conn, content []byte, bound time.Duration) (time.Duration, error) {
	begin := time.Now()
	if err := conn.SetDeadline(begin.Add(bound)); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, conn)
		ended <- err
	}()
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				return 0, err
			}
			return time.Since(begin), nil
		case <-ticker.C:
			if len(content) > 0 {
				_, _ = conn.Write(content[:1]) // the reader sees the end
				content = content[1:]
			}
		}
	}
}
