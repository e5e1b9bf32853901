package sandbox

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/zoneusage/zoneusage/internal/controlcenter"
	"github.com/zoneusage/zoneusage/internal/gzipped"
)

// page is an answer that is held back until it is complete, so that its fault can change it.
type page struct {
	http.ResponseWriter // for its header
	request             *http.Request
	status              int
	body                []byte
}

func (p *page) WriteHeader(status int) { p.status = status }

func (p *page) Write(body []byte) (int, error) {
	p.body = append(p.body, body...)
	return len(body), nil
}

// distort changes the answer as its fault asks.
func (p *page) distort(kind FaultKind) {
	switch kind {
	case FaultGzip:
		p.compress()
	case FaultWrongCharset:
		p.Header().Set("Content-Type", controlcenter.ContentTypeLatin1)
	case FaultMalformedJSON:
		p.body = append(bytes.TrimSuffix(p.body, []byte("}")), ']')
	case FaultHugeBody:
		p.body = append(bytes.Repeat([]byte(" "), bodyPadding), p.body...)
	}
}

func (p *page) compress() {
	p.Header().Set("Vary", "Accept-Encoding")
	if !gzipped.Accepted(p.request.Header) {
		return
	}
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, _ = w.Write(p.body) // a buffer takes everything
	_ = w.Close()
	p.body = compressed.Bytes()
	p.Header().Set("Content-Encoding", "gzip")
}

// send sends the answer as its fault asks. It calls leave before the client can
// have all that it gets: a client that asks again then has no call in flight.
func (p *page) send(fault Fault, leave func()) {
	half := p.body[:len(p.body)/2]
	switch fault.Kind {
	case FaultReset:
		leave()
		p.reset()
	case FaultResetInBody:
		p.write(half)
		leave()
		_ = http.NewResponseController(p.ResponseWriter).Flush() // fails when the client left
		p.reset()
	case FaultTruncatedBody:
		leave()
		p.Header().Set("Content-Length", strconv.Itoa(len(p.body)))
		p.write(half) // the server closes a connection with bytes missing
	case FaultSlowBody:
		p.trickle(fault.Over, leave)
	default:
		leave()
		p.write(p.body)
	}
}

func (p *page) write(body []byte) {
	p.ResponseWriter.WriteHeader(p.status)
	_, _ = p.ResponseWriter.Write(body) // a client that left needs no error
}

// reset ends the connection without an orderly end.
func (p *page) reset() {
	conn, _, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the server resets the stream
	}
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn() // TLS would say goodbye
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // TCP answers with RST, not FIN
	}
	_ = conn.Close()
}

// trickle sends the header at once and the body byte by byte.
func (p *page) trickle(over time.Duration, leave func()) {
	client := http.NewResponseController(p.ResponseWriter)
	began := time.Now()
	p.ResponseWriter.WriteHeader(p.status)
	for i := range p.body {
		_ = client.Flush() // fails when the client left, which ends the context too
		sent := float64(i+1) / float64(len(p.body))
		if !pause(p.request, time.Until(began.Add(time.Duration(sent*float64(over))))) {
			panic(http.ErrAbortHandler) // returning here would end the answer properly
		}
		if i == len(p.body)-1 {
			leave()
		}
		_, _ = p.ResponseWriter.Write(p.body[i : i+1])
	}
}
