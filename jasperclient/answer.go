package jasperclient

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// An answer is Control Center's response, or the response of something in front of it.
type answer struct {
	status     int
	html       bool
	retryAfter time.Duration
	body       []byte
	tooLarge   bool
}

func (c *Client) do(req *http.Request) (*answer, error) {
	// Not c.http.Do: a redirect is the answer, so that the credentials stay with their host and one question stays one call. Do
	// fails if its Location is not a URL, even when it follows none.
	resp, err := c.http.Transport.RoundTrip(req)
	if err != nil {
		return nil, c.unavailable(0, err)
	}
	defer func() { _ = resp.Body.Close() }()
	c.noteStatus(req, resp.StatusCode)
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
	if err != nil && resp.StatusCode != http.StatusTooManyRequests { // a 429 says enough without its body
		return nil, c.unavailable(resp.StatusCode, err)
	}
	return &answer{
		status:     resp.StatusCode,
		html:       isHTML(resp.Header, body),
		retryAfter: retryAfter(resp.Header, time.Now()),
		body:       body,
		tooLarge:   len(body) > maxBodyBytes,
	}, nil
}

// unavailable wraps err in an [UnavailableError]; it is [ErrClosed] if the call failed because the client was closed.
func (c *Client) unavailable(status int, err error) error {
	if c.open.Err() != nil {
		return ErrClosed
	}
	return &UnavailableError{HTTPStatus: status, Err: withoutURL(err)}
}

// withoutURL removes the URL, and with it the ICCID, from an error of net/http.
func withoutURL(err error) error {
	if urlErr, ok := errors.AsType[*url.Error](err); ok {
		return urlErr.Err
	}
	return err
}

// isHTML reports whether the answer is a proxy's page, whatever its status, and not Control Center's JSON.
func isHTML(header http.Header, body []byte) bool {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	return mediaType == "text/html" || bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
}

// maxRetryAfter bounds the wait that a server can ask for by mistake.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads both forms of the Retry-After header: seconds and a date (RFC 9110, section 10.2.3).
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := header.Get("Retry-After")
	var wait time.Duration
	const most = int64(maxRetryAfter / time.Second)
	// Out of range, ParseInt gives the nearest number that is in range.
	if seconds, err := strconv.ParseInt(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(max(seconds, 0), most)) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// refusal is the answer as an error; nil if the answer should hold the usage.
func (a *answer) refusal() error {
	code, message, refused := errorBody(a.body)
	switch {
	case refused:
		return a.apiError(code, message)
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden || a.status == http.StatusTooManyRequests:
		return a.apiError("", message)
	case a.status >= 300 && a.status <= 399:
		return &InvalidResponseError{HTTPStatus: a.status, Err: errors.New("it redirects away from the API")}
	case a.html:
		return &UnavailableError{HTTPStatus: a.status, RetryAfter: a.retryAfter,
			Err: fmt.Errorf("%w (HTTP status %d)", errPage, a.status)}
	case a.status < 200 || a.status > 299:
		return a.apiError("", message)
	case a.tooLarge:
		return &InvalidResponseError{HTTPStatus: a.status, Err: fmt.Errorf("it has more than %d bytes", maxBodyBytes)}
	}
	return nil
}

func (a *answer) apiError(code Code, message string) error {
	return &APIError{Code: code, HTTPStatus: a.status, Message: message, RetryAfter: a.retryAfter}
}
