package main

import (
	"context"
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
)

// A set holds the servers and callers of one cell.
type set struct {
	service, reference side
	closes             []func()
}

// close ends the servers and callers in the reverse order of their start.
func (t *set) close() {
	for i := len(t.closes) - 1; i >= 0; i-- {
		t.closes[i]()
	}
}

// open starts the servers of a cell, and connects the callers.
func (s *stage) open(ctx context.Context, r row, callers int) (t *set, err error) {
	t = &set{}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	upstreamArgs := []string{upstreamRole}
	if r.direct() {
		upstreamArgs = append(upstreamArgs, "-latency="+upstreamLatency.String())
	}
	control, upstreamAddr, err := startRole(ctx, s.self, nil, upstreamArgs...)
	if err != nil {
		return t, err
	}
	t.closes = append(t.closes, control.stop)
	if t.service.server, err = s.startService(ctx, r, upstreamAddr); err != nil {
		return t, err
	}
	t.closes = append(t.closes, t.service.server.stop)
	if !r.direct() {
		if err := s.openReferences(ctx, t, r); err != nil {
			return t, err
		}
	}
	return t, s.gather(ctx, t, r, callers, upstreamAddr)
}

// openReferences starts the reference with the service's answer, and makes sure that both answer the same. For a row that
// shows the noise, it replaces the service by another reference.
func (s *stage) openReferences(ctx context.Context, t *set, r row) error {
	tlsConfig := s.tlsConfig(r)
	answer, err := fetchMessage(ctx, t.service.server.grpc, tlsConfig, r.iccid)
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "answer")
	if err := os.WriteFile(file, answer, 0o600); err != nil {
		return err
	}
	if t.reference.server, err = s.startReference(ctx, r, file); err != nil {
		return err
	}
	t.closes = append(t.closes, t.reference.server.stop)
	if err := agree(ctx, r, tlsConfig, t.service.server, t.reference.server); err != nil || !r.noise {
		return err
	}
	if t.service.server, err = s.startReference(ctx, r, file); err != nil {
		return err
	}
	t.closes = append(t.closes, t.service.server.stop)
	return nil
}

// gather connects the callers to both sides.
func (s *stage) gather(ctx context.Context, t *set, r row, callers int, upstreamAddr string) (err error) {
	if r.direct() {
		q := question{fresh: &devices{}}
		t.reference.crowd = newDirectCrowd(upstreamAddr, callers, q)
		if r.noise {
			t.service = side{crowd: newDirectCrowd(upstreamAddr, callers, q)}
		} else {
			t.service.crowd, err = newCrowd(ctx, r.door, t.service.server, s.tlsConfig(r), callers, q)
		}
	} else {
		q := question{iccid: r.iccid}
		if t.reference.crowd, err = newCrowd(ctx, r.door, t.reference.server, s.tlsConfig(r), callers, q); err == nil {
			t.service.crowd, err = newCrowd(ctx, r.door, t.service.server, s.tlsConfig(r), callers, q)
		}
	}
	for _, c := range []*crowd{t.service.crowd, t.reference.crowd} {
		if c != nil {
			t.closes = append(t.closes, c.close)
		}
	}
	return err
}

// tlsConfig is the configuration of the callers of a row; nil without TLS.
func (s *stage) tlsConfig(r row) *tls.Config {
	if r.tls {
		return s.identity.client
	}
	return nil
}

func newCrowd(ctx context.Context, d door, to *server, tlsConfig *tls.Config, callers int, q question) (*crowd, error) {
	switch d {
	case overGRPC:
		return newGRPCCrowd(ctx, to.grpc, tlsConfig, callers, q)
	case overREST:
		return newRESTCrowd(ctx, to.http, tlsConfig, callers, q)
	}
	return nil, errors.New("there is no door " + string(d))
}
