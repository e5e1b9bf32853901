package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/zoneusage/zoneusage/internal/reload"
	"github.com/zoneusage/zoneusage/internal/telemetry"
	"github.com/zoneusage/zoneusage/jasperclient"
	"github.com/zoneusage/zoneusage/jasperclient/sandbox"
	"github.com/zoneusage/zoneusage/service"
)

// An upstream is what answers the questions: one or more accounts of a real Control Center, or the sandbox.
type upstream struct {
	accounts []service.Account // the first is the default one
	roster   *roster           // nil without a file of accounts
	renewKey *reload.Source    // the file with the key of the only account; nil without one
	sandbox  *httpDoor         // nil for a real Control Center
}

func (u *upstream) close() {
	if u.roster != nil {
		u.roster.close()
	} else {
		u.accounts[0].Client.Close()
	}
	if u.sandbox != nil {
		u.sandbox.close()
	}
}

// sources are the files to read again when they change.
func (u *upstream) sources(usage *service.UsageService) []reload.Source {
	switch {
	case u.renewKey != nil:
		return []reload.Source{*u.renewKey}
	case u.roster == nil:
		return nil
	}
	return []reload.Source{{Name: "accounts", Files: u.roster.files, Load: func() error {
		accounts, err := u.roster.read()
		if err != nil {
			return err
		}
		if now, before := accounts[0].Name, usage.DefaultAccount(); now != before {
			slog.Warn("callers who name no account ask another one now: the first of the file", "account", now, "before", before)
		}
		return usage.SetAccounts(accounts...)
	}}}
}

func names(accounts []service.Account) string {
	all := make([]string, len(accounts))
	for i, account := range accounts {
		all[i] = account.Name
	}
	return strings.Join(all, ", ")
}

// announce logs the addresses of the doors and the accounts.
func (u *upstream) announce(log *slog.Logger, grpcAddr, httpAddr, adminAddr string) {
	log.Info("serving", "version", versionName(), "grpc_addr", grpcAddr, "http_addr", httpAddr, "admin_addr", adminAddr,
		"accounts", names(u.accounts))
	if u.sandbox != nil {
		log.Warn("no Control Center is configured: every answer comes from the sandbox, not from real devices",
			"sandbox_url", "http://"+u.sandbox.addr())
	}
}

// showCalls prints the address of the page, and for each door a call that is ready to paste.
func showCalls(stdout io.Writer, grpcAddr, httpAddr string) {
	grpcAddr, httpAddr = callable(grpcAddr), callable(httpAddr)
	_, _ = fmt.Fprintf(stdout, "A page to look at: http://%s\nCalls to try:\n\n"+
		"  zoneusage get --addr %s 8988217755520000031\n"+
		"  grpcurl -plaintext -d '{\"iccid\":\"8988217755520000031\"}' %s jasper.usage.v1.UsageService/GetDeviceUsageInZone\n"+
		"  curl %s/v1/devices/8988217755520000031/usageInZone\n\n", httpAddr, grpcAddr, grpcAddr, httpAddr)
}

// connect makes the clients of the configured accounts, or starts the sandbox if nothing is configured.
func (c *serveCommand) connect(ctx context.Context, observer *observer) (*upstream, error) {
	key, err := readAPIKey(c.APIKeyFile, apiKeyVariable)
	if err != nil {
		return nil, err
	}
	none := c.ControlCenterURL == "" && c.Username == "" && key == ""
	switch {
	case c.Accounts != "" && !none:
		return nil, errors.New("--accounts names the Control Centers; leave out --control-center-url, --username and the API key")
	case c.Accounts != "":
		return c.connectAccounts(observer)
	case none:
		return c.startSandbox(ctx, observer)
	}
	var missing []string
	for _, setting := range []struct{ value, flag, variable string }{
		{c.ControlCenterURL, "--control-center-url", "ZONEUSAGE_CONTROL_CENTER_URL"},
		{c.Username, "--username", "ZONEUSAGE_USERNAME"},
		{key, "--api-key-file", apiKeyVariable},
	} {
		if setting.value == "" {
			missing = append(missing, fmt.Sprintf("%s (or %s)", setting.flag, setting.variable))
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("a Control Center needs a URL, a user name and an API key; missing: %s. "+
			"Leave all three out to serve the sandbox", strings.Join(missing, ", "))
	}
	credentials := jasperclient.Credentials{Username: c.Username, APIKey: key}
	connected, err := c.newClient(observer, c.ControlCenterURL, credentials, c.fairUse())
	if err != nil {
		return nil, fmt.Errorf("the settings of Control Center: %w", err)
	}
	u := &upstream{accounts: []service.Account{connected.named(defaultAccount)}}
	if c.APIKeyFile != "" {
		u.renewKey = &reload.Source{Name: "accounts", Files: func() []string { return []string{c.APIKeyFile} }, Load: func() error {
			key, err := readKeyFile(c.APIKeyFile)
			if err != nil {
				return fmt.Errorf("--api-key-file: %w", err)
			}
			return connected.client.Update(jasperclient.Credentials{Username: c.Username, APIKey: key}, c.fairUse())
		}}
	}
	return u, nil
}

func (c *serveCommand) connectAccounts(observer *observer) (*upstream, error) {
	r := &roster{command: c, observer: observer, clients: map[upstreamUser]*accountClient{}}
	accounts, err := r.read()
	if err != nil {
		return nil, err
	}
	return &upstream{accounts: accounts, roster: r}, nil
}

// fairUse holds the flags' limits, which apply to every account without limits of its own.
func (c *serveCommand) fairUse() jasperclient.FairUse {
	return jasperclient.FairUse{
		CallsInFlight: c.CallsInFlight, CallsPerSecond: c.CallsPerSecond, MaxWaiting: c.MaxWaiting, BulkShare: c.BulkShare,
	}
}

// An accountClient is the client of an account, and what counts the events of its lane.
type accountClient struct {
	client *jasperclient.Client
	lane   *telemetry.Lane
}

// named makes the service's account of this name, and counts its lane's events under the name.
func (c *accountClient) named(name string) service.Account {
	c.lane.Name(name)
	return service.Account{Name: name, Client: c.client}
}

func (c *serveCommand) newClient(
	observer *observer, url string, credentials jasperclient.Credentials, fair jasperclient.FairUse,
) (*accountClient, error) {
	lane := observer.metrics.NewLane()
	client, err := jasperclient.New(url, credentials, append(observer.clientOptions(lane),
		jasperclient.WithFairUse(fair),
		jasperclient.WithTimeout(c.CallTimeout),
		jasperclient.WithUserAgent("zoneusage/"+versionName()))...)
	if err != nil {
		return nil, err
	}
	return &accountClient{client, lane}, nil
}

// startSandbox serves the sandbox on loopback, so that its answers come over HTTP like those of a real Control Center.
func (c *serveCommand) startSandbox(ctx context.Context, observer *observer) (*upstream, error) {
	handler, err := sandbox.New(sandbox.WithCredentials(sandboxName, sandboxName))
	if err != nil {
		return nil, err
	}
	door, err := listenSandbox(ctx, "127.0.0.1:0", handler)
	if err != nil {
		return nil, err
	}
	credentials := jasperclient.Credentials{Username: sandboxName, APIKey: sandboxName}
	connected, err := c.newClient(observer, "http://"+door.addr(), credentials, c.fairUse())
	if err != nil {
		door.close()
		return nil, err
	}
	return &upstream{accounts: []service.Account{connected.named(sandboxName)}, sandbox: door}, nil
}
