package service

import (
	"context"
	"fmt"
	"net"
	"strings"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/zoneusage/zoneusage/jasperclient"
)

// headerClass is how a caller lets others go first.
const headerClass = "x-usage-class"

// classBulk is the class of who does.
const classBulk = "bulk"

// callerOf is who waits in the account's lane; a class that is none is added to bad.
func callerOf(ctx context.Context, bad *requestError) jasperclient.Caller {
	_, addr := originOf(ctx)
	caller := jasperclient.Caller{Name: hostOf(addr)}
	if admitted := callerFrom(ctx); admitted != nil {
		caller.Name = admitted.Name
	}
	for _, class := range metadata.ValueFromIncomingContext(ctx, headerClass) {
		switch class {
		case classBulk:
			caller.Bulk = true
		case "interactive", "":
		default:
			const shown = 40
			bad.violate(headerClass, fmt.Errorf("%.*q is no class; send bulk, or interactive or nothing", shown, class))
		}
	}
	return caller
}

// isInProcess tells the gateway's connection from a caller's.
func isInProcess(addr net.Addr) bool { return addr.Network() == "bufconn" }

// originOf tells the door and the address a call came from; REST's address is without a port.
func originOf(ctx context.Context) (door, addr string) {
	caller, ok := peer.FromContext(ctx)
	if !ok {
		return "", ""
	}
	if !isInProcess(caller.Addr) {
		return doorGRPC, caller.Addr.String()
	}
	// The gateway appends the address it saw to what its caller claims.
	if chain := metadata.ValueFromIncomingContext(ctx, "x-forwarded-for"); len(chain) > 0 {
		hops := strings.Split(chain[len(chain)-1], ",")
		addr = strings.TrimSpace(hops[len(hops)-1])
	}
	return doorREST, addr
}

// hostOf is an address without its port.
func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}
