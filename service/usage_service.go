// Package service is jasper.usage.v1.UsageService: it asks Control Center through jasperclient, converts what it
// answers into typed messages, and serves them over gRPC and, through grpc-gateway, as JSON over HTTP.
package service

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/jasperclient"
)

// The keys of a reply's metadata, which REST shows as headers of the same names.
const (
	headerRequestID = "x-request-id"
	headerSource    = "x-usage-source"
	headerAccount   = "x-usage-account"
)

// sourceLive marks a reply for which Control Center was asked.
const sourceLive = "live"

// controlCenter is what the service needs of a *jasperclient.Client.
type controlCenter interface {
	UsageInZone(ctx context.Context, query jasperclient.UsageQuery) (*jasperclient.DeviceUsage, error)
}

// UsageService implements usagev1.UsageServiceServer for one Control Center account.
type UsageService struct {
	usagev1.UnimplementedUsageServiceServer

	controlCenter controlCenter
	account       string
}

// New makes the service of the Control Center account that controlCenter, a *jasperclient.Client, asks. The account's
// name is shown with every reply.
func New(controlCenter controlCenter, account string) *UsageService {
	return &UsageService{controlCenter: controlCenter, account: account}
}

// GetDeviceUsageInZone implements usagev1.UsageServiceServer.
func (s *UsageService) GetDeviceUsageInZone(
	ctx context.Context, req *usagev1.GetDeviceUsageInZoneRequest,
) (*usagev1.GetDeviceUsageInZoneResponse, error) {
	if err := grpc.SetHeader(ctx, metadata.Pairs(headerAccount, s.account)); err != nil {
		return nil, fail(ctx, err, jasperclient.UsageQuery{})
	}
	query, err := validate(req)
	if err != nil {
		return nil, fail(ctx, err, query)
	}
	usage, err := s.controlCenter.UsageInZone(ctx, query)
	if err != nil {
		return nil, fail(ctx, err, query)
	}
	resp, err := convert(usage)
	if err != nil {
		return nil, fail(ctx, err, query)
	}
	if err := grpc.SetHeader(ctx, metadata.Pairs(headerSource, sourceLive)); err != nil {
		return nil, fail(ctx, err, query)
	}
	return resp, nil
}
