package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
)

// A link is an HTTP/2 connection with gRPC calls under way. It is written by hand because grpc-go's client costs more than
// its server. Only one goroutine uses it.
type link struct {
	conn    net.Conn
	write   *bufio.Writer
	framer  *http2.Framer
	decoder *hpack.Decoder
	// headers are those of the first call, which put all of them into HPACK's table. pointers are the same headers for all
	// other calls: they point into the table.
	headers, pointers []byte
	stream            uint32           // the stream of the last call
	open              map[uint32]*call // by stream
	taken             uint32           // bytes received since the connection's window was last refilled
	trailers          trailers         // as far as they have been read
}

// A call is under way or answered.
type call struct {
	begin    time.Time
	received int // bytes of the answer
}

// trailers are what the server sends after an answer, or in place of one.
type trailers struct{ status, message string }

// messagePrefix is the number of bytes before a message, which say whether it is compressed, and its length.
const messagePrefix = 5

const (
	// window is how many bytes the server may send before the link grants more: more than it ever has under way.
	window = 16 << 20
	// usualWindow is HTTP/2's default for the window of a connection.
	usualWindow = 1<<16 - 1
	// usualTable is the default size of HPACK's table.
	usualTable = 4 << 10
)

// openLink connects, and sends its settings of HTTP/2. The server's reply to them is read with the first answer.
func openLink(ctx context.Context, addr string, tlsConfig *tls.Config) (*link, error) {
	conn, err := connect(ctx, addr, tlsConfig, http2.NextProtoTLS)
	if err != nil {
		return nil, err
	}
	const buffer = 32 << 10 // as grpc-go's
	l := &link{conn: conn, write: bufio.NewWriterSize(conn, buffer), open: map[uint32]*call{}}
	l.headers, l.pointers = grpcHeaders(addr, tlsConfig != nil)
	l.framer = http2.NewFramer(l.write, bufio.NewReaderSize(flushing{l}, buffer))
	l.decoder = hpack.NewDecoder(usualTable, l.notice)
	l.framer.SetReuseFrames()
	_, err = l.write.WriteString(http2.ClientPreface)
	err = errors.Join(err,
		l.framer.WriteSettings(http2.Setting{ID: http2.SettingEnablePush, Val: 0}, http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}),
		l.framer.WriteWindowUpdate(0, window-usualWindow),
		l.write.Flush())
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

// grpcHeaders encodes the headers of a grpc-go client, for the first call of a connection and for all others.
func grpcHeaders(addr string, secure bool) (first, others []byte) {
	fields := []hpack.HeaderField{
		{Name: ":method", Value: "POST"},
		{Name: ":scheme", Value: "http"},
		{Name: ":path", Value: usagev1.UsageService_GetDeviceUsageInZone_FullMethodName},
		{Name: ":authority", Value: addr},
		{Name: "content-type", Value: "application/grpc"},
		{Name: "user-agent", Value: "grpc-go/" + grpc.Version},
		{Name: "te", Value: "trailers"},
	}
	if secure {
		fields[1].Value = "https"
		fields = append(fields, hpack.HeaderField{Name: "authorization", Value: authorization})
	}
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	encode := func() []byte {
		block.Reset()
		for _, field := range fields {
			_ = encoder.WriteField(field) // a buffer takes everything
		}
		return bytes.Clone(block.Bytes())
	}
	return encode(), encode()
}

// flushing reads from a link's connection, and before that sends what is waiting to be sent: answers come only to questions
// that were sent. As long as there are answers in the buffer nothing is sent, so that many calls share a packet.
type flushing struct{ *link }

// Read implements io.Reader.
func (f flushing) Read(p []byte) (int, error) {
	if err := f.write.Flush(); err != nil {
		return 0, err
	}
	return f.conn.Read(p)
}

// send adds a call to what is sent when the link next waits. Requests are so small that the server always has room for them.
func (l *link) send(c *call, request []byte) error {
	const first, step = 1, 2 // the streams of a client have odd numbers
	block := l.pointers
	if l.stream == 0 {
		l.stream, block = first, l.headers
	} else {
		l.stream += step
	}
	l.open[l.stream] = c
	if err := l.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: l.stream, BlockFragment: block, EndHeaders: true}); err != nil {
		return err
	}
	return l.framer.WriteData(l.stream, true, request)
}

// next reads a frame, and returns the call if the frame ends one. It ignores frames about windows and priorities.
func (l *link) next() (*call, error) {
	frame, err := l.framer.ReadFrame()
	if err != nil {
		return nil, err
	}
	switch f := frame.(type) {
	case *http2.HeadersFrame:
		return l.hear(f)
	case *http2.DataFrame:
		return nil, l.receive(f)
	case *http2.SettingsFrame:
		return nil, l.accept(f)
	case *http2.PingFrame:
		return nil, l.framer.WritePing(true, f.Data) // it cannot be a reply, because the link sends no pings
	case *http2.RSTStreamFrame:
		return nil, fmt.Errorf("the server ends a call: %s", f.ErrCode)
	case *http2.GoAwayFrame:
		return nil, fmt.Errorf("the server ends the connection: %s, %q", f.ErrCode, f.DebugData())
	}
	return nil, nil
}

// hear handles the headers before an answer, or the trailers after it. After the trailers it returns the call.
func (l *link) hear(f *http2.HeadersFrame) (*call, error) {
	l.trailers = trailers{}
	if _, err := l.decoder.Write(f.HeaderBlockFragment()); err != nil {
		return nil, err
	}
	c := l.open[f.StreamID]
	if c == nil || !f.HeadersEnded() {
		return nil, fmt.Errorf("stream %d has headers of no call, or more than a frame has room for", f.StreamID)
	}
	if err := l.decoder.Close(); err != nil || !f.StreamEnded() {
		return nil, err
	}
	delete(l.open, f.StreamID)
	if err := l.trailers.err(); err != nil {
		return nil, err
	}
	if c.received <= messagePrefix {
		return nil, errors.New("an answer is empty")
	}
	return c, nil
}

// notice handles one header.
func (l *link) notice(field hpack.HeaderField) {
	switch field.Name {
	case "grpc-status":
		l.trailers.status = field.Value
	case "grpc-message":
		l.trailers.message = field.Value
	}
}

// err is the error of the call; nil if the call succeeded.
func (t trailers) err() error {
	if t.status == "0" {
		return nil
	}
	code, err := strconv.ParseUint(t.status, 10, 32)
	if err != nil {
		return fmt.Errorf("an answer has the gRPC status %q, which is not a number", t.status)
	}
	message, err := url.PathUnescape(t.message)
	if err != nil {
		message = t.message
	}
	return status.Error(codes.Code(code), message)
}

// receive counts the bytes of an answer, and from time to time grants the server as many again.
func (l *link) receive(f *http2.DataFrame) error {
	c := l.open[f.StreamID]
	if c == nil || f.StreamEnded() {
		return fmt.Errorf("stream %d has bytes of no call, or no trailers: %q", f.StreamID, f.Data())
	}
	c.received += len(f.Data())
	l.taken += f.Length
	if l.taken < window/2 {
		return nil
	}
	room := l.taken
	l.taken = 0
	return l.framer.WriteWindowUpdate(0, room)
}

// accept handles the server's settings.
func (l *link) accept(f *http2.SettingsFrame) error {
	if f.IsAck() {
		return nil
	}
	if size, ok := f.Value(http2.SettingHeaderTableSize); ok && size < usualTable {
		return fmt.Errorf("the server keeps %d bytes of headers, want at least %d", size, usualTable)
	}
	return l.framer.WriteSettingsAck()
}
