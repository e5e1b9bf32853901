package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// newDirectCrowd makes callers without a service: each calls the upstream itself, as a program would, over a connection that
// stays open.
func newDirectCrowd(addr string, callers int, q question) *crowd {
	transport := &http.Transport{MaxIdleConns: callers, MaxIdleConnsPerHost: callers}
	client := &http.Client{Transport: transport}
	c := &crowd{closes: []func(){transport.CloseIdleConnections}}
	for range callers {
		c.loops = append(c.loops, ask(func(ctx context.Context) error {
			return callUpstream(ctx, client, "http://"+addr+upstreamPath(q.device()))
		}).repeat)
	}
	return c
}

func callUpstream(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(upstreamUser, upstreamKey)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		return fmt.Errorf("HTTP status %d: %s", resp.StatusCode, body)
	}
	return err
}
