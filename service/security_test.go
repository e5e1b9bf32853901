package service_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	usagev1 "github.com/zoneusage/zoneusage/gen/jasper/usage/v1"
	"github.com/zoneusage/zoneusage/internal/callers"
	"github.com/zoneusage/zoneusage/internal/certificates"
	"github.com/zoneusage/zoneusage/internal/certtest"
	"github.com/zoneusage/zoneusage/internal/jwttest"
	"github.com/zoneusage/zoneusage/service"
)

// A guardedRig asks its callers who they are. Its upstream counts what reaches it: no refused call may.
type guardedRig struct {
	*rig
	ca     *certtest.CA
	key    *jwttest.Key // of the issuer
	issuer string
	guard  *callers.Guard
	policy string // its file
	certs  *certificates.Certificates
}

const policy = `callers:
- {name: billing, tokenSHA256: %s, accounts: [test]}
- {name: elsewhere, tokenSHA256: %s, accounts: [other]}
- {name: seldom, tokenSHA256: %s, accounts: ["*"], requestsPerSecond: 0.001}
- {name: dashboard, certificate: dashboard.internal, accounts: ["*"]}
- {name: reports, claims: {sub: reports}, accounts: [test]}
`

func sha(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func newGuardedRig(t *testing.T, changes ...func(*service.Config)) *guardedRig {
	t.Helper()
	dir := t.TempDir()
	g := &guardedRig{ca: certtest.NewCA(t), key: jwttest.NewKey(t, "one"), issuer: "https://login.example.com", policy: filepath.Join(dir, "callers.yaml")}
	writeFile(t, g.policy, fmt.Sprintf(policy, sha("billing-token"), sha("elsewhere-token"), sha("seldom-token")))
	cert, key := certtest.Write(t, dir, g.ca.Issue(t, nil))
	var err error
	if g.certs, err = certificates.Load(certificates.Files{Cert: cert, Key: key, ClientCA: g.ca.File}); err != nil {
		t.Fatal(err)
	}
	issuer, err := callers.NewIssuer(callers.IssuerSettings{
		URL: g.issuer, Audience: jwttest.Audience, JWKS: jwttest.WriteKeys(t, dir, g.key), Algorithms: []string{"ES256", "RS256"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if g.guard, err = callers.New(callers.Settings{File: g.policy, Certificates: true, Issuer: issuer}); err != nil {
		t.Fatal(err)
	}
	g.rig = newRig(t, newSandbox(t), append(changes, func(cfg *service.Config) { cfg.Certificates, cfg.Callers = g.certs, g.guard })...)
	return g
}

func writeFile(t *testing.T, file, content string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// bearer is a token that goes with every call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if b == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return true }

// as is the rig as a caller with these credentials sees it.
func (g *guardedRig) as(t *testing.T, token string, pair *tls.Certificate) *rig {
	t.Helper()
	config := &tls.Config{RootCAs: g.ca.Pool()}
	if pair != nil {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return pair, nil }
	}
	conn, err := grpc.NewClient("passthrough:///"+g.grpcAddr,
		grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithPerRPCCredentials(bearer(token)))
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(func() {
		_ = conn.Close()
		transport.CloseIdleConnections()
	})
	seen := *g.rig
	seen.url = strings.Replace(g.url, "http:", "https:", 1)
	seen.conn, seen.grpc = conn, usagev1.NewUsageServiceClient(conn)
	seen.http = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		return transport.RoundTrip(r)
	})}
	return &seen
}

func TestWhoMayCall(t *testing.T) {
	g := newGuardedRig(t)
	foreign := certtest.NewCA(t)
	claims := func(changes map[string]any) map[string]any { return jwttest.Claims(g.issuer, changes) }
	jwt := func(name string, value any) string { return g.key.Sign(t, claims(map[string]any{name: value})) }
	good := g.key.Sign(t, claims(nil))
	public, err := x509.MarshalPKIXPublicKey(g.key.Public().Key)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims(nil))
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	unsigned := encode([]byte(`{"alg":"none"}`)) + "." + encode(payload) + "."
	hmac := jwttest.SignWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, claims(nil))
	pair := func(ca *certtest.CA, name string) *tls.Certificate {
		pair := ca.Issue(t, nil, name)
		return &pair
	}
	const missing, invalid, notAllowed = "CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "NOT_ALLOWED"
	for name, test := range map[string]struct {
		token string
		pair  *tls.Certificate
		want  string // the reason; empty for an answer, "TLS" for no connection
	}{
		"a token":                     {"billing-token", nil, ""},
		"a certificate":               {"", pair(g.ca, "dashboard.internal"), ""},
		"a JWT":                       {good, nil, ""},
		"nobody":                      {"", nil, missing},
		"a wrong token":               {"billing-token2", nil, invalid},
		"an expired JWT":              {jwt("exp", time.Now().Add(-time.Second).Unix()), nil, invalid},
		"a JWT for another service":   {jwt("aud", "other"), nil, invalid},
		"a JWT of another issuer":     {jwt("iss", "https://other.example.com"), nil, invalid},
		"alg none":                    {unsigned, nil, invalid},
		"HS256 with the public key":   {hmac, nil, invalid},
		"a JWT of an unknown key":     {jwttest.NewKey(t, "two").Sign(t, claims(nil)), nil, invalid},
		"a foreign CA":                {"", pair(foreign, "dashboard.internal"), "TLS"},
		"a foreign CA and a token":    {"billing-token", pair(foreign, "dashboard.internal"), "TLS"},
		"a certificate of nobody":     {"", pair(g.ca, "nobody.internal"), notAllowed},
		"a JWT of nobody":             {jwt("sub", "nobody"), nil, notAllowed},
		"a token of another account":  {"elsewhere-token", nil, notAllowed},
		"a bad token, good otherwise": {"x", pair(g.ca, "dashboard.internal"), invalid},
	} {
		for door, ask := range doors {
			t.Run(name+" over "+door, func(t *testing.T) {
				seen := g.as(t, test.token, test.pair)
				calls := g.calls.Load()
				if test.want == "TLS" {
					expectNoConnection(t, seen, door)
				} else {
					got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID})
					if reason := reasonIn(t, got.status); reason != test.want {
						t.Errorf("got the reason %q of %v, want %q", reason, got.status, test.want)
					}
				}
				if test.want != "" && g.calls.Load() != calls {
					t.Error("a call that was refused reached Control Center")
				}
			})
		}
	}
}

// reasonIn is the reason of a status; empty for none.
func reasonIn(t *testing.T, st *spb.Status) string {
	t.Helper()
	if st == nil {
		return ""
	}
	return detailsOf(t, st)[0].(*errdetails.ErrorInfo).GetReason()
}

// expectNoConnection asks over TLS that the server breaks off, at a moment of its own: in TLS 1.3 a client has then sent its
// question already, and may see no more than a connection that ended.
func expectNoConnection(t *testing.T, seen *rig, door string) {
	t.Helper()
	if door == "gRPC" {
		_, err := seen.grpc.GetDeviceUsageInZone(t.Context(), &request{Iccid: exampleICCID})
		if st := status.Convert(err); st.Code() != codes.Unavailable || len(st.Details()) > 0 {
			t.Errorf("got %v, want no connection", err)
		}
		return
	}
	resp, err := seen.http.Get(seen.url + "/v1/devices/" + exampleICCID + "/usageInZone")
	if err == nil {
		resp.Body.Close()
		t.Errorf("got HTTP status %d, want no connection", resp.StatusCode)
	}
}

func TestATokenThatIsTakenAway(t *testing.T) {
	g := newGuardedRig(t)
	seen := g.as(t, "billing-token", nil)
	for door, ask := range doors {
		if got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID}); got.status != nil {
			t.Errorf("%s: %v", door, got.status)
		}
	}
	writeFile(t, g.policy, fmt.Sprintf(policy, sha("other-token"), sha("elsewhere-token"), sha("seldom-token")))
	if err := g.guard.Reload(); err != nil {
		t.Fatal(err)
	}
	calls := g.calls.Load()
	for door, ask := range doors { // over connections that there are
		got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID, MaxAge: durationpb.New(0)})
		if reason := reasonIn(t, got.status); reason != "CREDENTIALS_INVALID" || g.calls.Load() != calls {
			t.Errorf("%s: reason %q, want that the token is refused before anything else", door, reason)
		}
	}
}

// What a stranger asks tells nothing of the accounts there are, also where REST refuses the question itself.
func TestAStrangerLearnsNothing(t *testing.T) {
	g := newGuardedRig(t)
	for token, want := range map[string]string{"": "CREDENTIALS_MISSING", "elsewhere-token": "NOT_ALLOWED"} {
		seen := g.as(t, token, nil)
		for _, account := range []string{"", "test", "nowhere"} {
			for _, iccid := range []string{exampleICCID, "12"} {
				for door, ask := range doors {
					got := ask(t.Context(), t, seen, &request{Iccid: iccid, Account: account})
					if reason := reasonIn(t, got.status); reason != want || got.header["x-usage-account"] != "" {
						t.Errorf("%s: account %q, ICCID %s: reason %s of account %q, want %s and none", door, account, iccid, reason, got.header["x-usage-account"], want)
					}
				}
			}
		}
	}
}

func TestACallerHasARate(t *testing.T) {
	for door, ask := range doors {
		g := newGuardedRig(t)
		seen := g.as(t, "seldom-token", nil)
		if got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID}); got.status != nil {
			t.Errorf("%s: the first request: %v", door, got.status)
		}
		for _, iccid := range []string{exampleICCID, "12"} {
			got := ask(t.Context(), t, seen, &request{Iccid: iccid})
			if reason := reasonIn(t, got.status); reason != "CALLER_RATE_LIMITED" || got.retryAfter == "" {
				t.Errorf("%s: the next one: %s, retry after %q, want CALLER_RATE_LIMITED and a time", door, reason, got.retryAfter)
			}
		}
	}
}

func TestRESTSaysHowToAuthenticate(t *testing.T) {
	g := newGuardedRig(t)
	for token, want := range map[string]string{
		"":                `401 Bearer realm="zoneusage"`,
		"x":               `401 Bearer realm="zoneusage", error="invalid_token"`,
		"elsewhere-token": "403 ",
	} {
		resp, err := g.as(t, token, nil).http.Get(strings.Replace(g.url, "http:", "https:", 1) + "/v1/devices/" + exampleICCID + "/usageInZone")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := fmt.Sprintf("%d %s", resp.StatusCode, resp.Header.Get("WWW-Authenticate")); got != want {
			t.Errorf("token %q: %s, want %s", token, got, want)
		}
	}
}

// A gRPC caller cannot claim what only the REST door may say, and a REST caller not what only TLS can show.
func TestACertificateCannotBeClaimed(t *testing.T) {
	g := newGuardedRig(t)
	seen := g.as(t, "", nil)
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-rest-certificate-bin", "dashboard.internal")
	if got := askGRPC(ctx, t, seen, &request{Iccid: exampleICCID}); reasonIn(t, got.status) != "CREDENTIALS_MISSING" {
		t.Errorf("gRPC: %v", got.status)
	}
	for _, name := range []string{"X-Rest-Certificate-Bin", "Grpc-Metadata-X-Rest-Certificate-Bin"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, seen.url+"/v1/devices/"+exampleICCID+"/usageInZone", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set(name, base64.StdEncoding.EncodeToString([]byte("dashboard.internal")))
		if got := seen.do(t, req); reasonIn(t, got.status) != "CREDENTIALS_MISSING" {
			t.Errorf("REST, %s: %v", name, got.status)
		}
	}
}

// The service's own health is for everybody; that of accounts, and reflection, are for callers.
func TestWhoseHealthIsForWhom(t *testing.T) {
	g := newGuardedRig(t)
	stranger, billing, elsewhere := g.as(t, "", nil), g.as(t, "billing-token", nil), g.as(t, "elsewhere-token", nil)
	dashboard := g.as(t, "", g.pair(t, "dashboard.internal"))
	for name, want := range map[string]map[*rig]codes.Code{
		"": {stranger: codes.OK, elsewhere: codes.OK}, "jasper.usage.v1.UsageService": {stranger: codes.OK},
		"upstream":         {stranger: codes.Unauthenticated, billing: codes.PermissionDenied, dashboard: codes.OK},
		"upstream.test":    {stranger: codes.Unauthenticated, elsewhere: codes.PermissionDenied, billing: codes.OK, dashboard: codes.OK},
		"upstream.nowhere": {stranger: codes.Unauthenticated, billing: codes.PermissionDenied, dashboard: codes.NotFound},
		"nonsense":         {stranger: codes.Unauthenticated, billing: codes.PermissionDenied, dashboard: codes.NotFound},
	} {
		for seen, want := range want {
			checks := healthpb.NewHealthClient(seen.conn)
			if _, err := checks.Check(t.Context(), &healthpb.HealthCheckRequest{Service: name}); status.Code(err) != want {
				t.Errorf("check of %q: %v, want %s", name, err, want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			watch, err := checks.Watch(ctx, &healthpb.HealthCheckRequest{Service: name})
			if err != nil {
				t.Fatal(err)
			}
			if want == codes.NotFound {
				want = codes.OK // grpc.health.v1: a watch tells SERVICE_UNKNOWN
			}
			if _, err := watch.Recv(); status.Code(err) != want {
				t.Errorf("watch of %q: %v, want %s", name, err, want)
			}
			cancel()
		}
	}
	for seen, want := range map[*rig]codes.Code{stranger: codes.Unauthenticated, billing: codes.PermissionDenied, dashboard: codes.OK} {
		if _, err := healthpb.NewHealthClient(seen.conn).List(t.Context(), &healthpb.HealthListRequest{}); status.Code(err) != want {
			t.Errorf("list: %v, want %s", err, want)
		}
	}
	for _, path := range []string{"/livez", "/readyz"} {
		if got := statusOf(t, stranger, path); got != http.StatusOK {
			t.Errorf("%s: HTTP status %d", path, got)
		}
	}
	for seen, want := range map[*rig]codes.Code{stranger: codes.Unauthenticated, elsewhere: codes.OK} {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := grpc_reflection_v1.NewServerReflectionClient(seen.conn).ServerReflectionInfo(ctx)
		if err != nil {
			t.Fatal(err)
		}
		_ = stream.Send(&grpc_reflection_v1.ServerReflectionRequest{ // fails when the stream has been refused already
			MessageRequest: &grpc_reflection_v1.ServerReflectionRequest_ListServices{},
		})
		if _, err := stream.Recv(); status.Code(err) != want {
			t.Errorf("reflection: %v, want %s", err, want)
		}
		cancel()
	}
	refused := 0
	for _, line := range g.lines(t) {
		if line["method"] == "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo" && line["reason"] == "CREDENTIALS_MISSING" {
			refused++
		}
	}
	if refused != 1 {
		t.Errorf("the log has %d lines of refused reflection, want 1", refused)
	}
}

func (g *guardedRig) pair(t *testing.T, name string) *tls.Certificate {
	t.Helper()
	pair := g.ca.Issue(t, nil, name)
	return &pair
}

// An authorization that REST cannot pass on is refused, and not left out: with a certificate the call would be another's.
func TestRESTRefusesAnAuthorizationThatCannotBeSent(t *testing.T) {
	g := newGuardedRig(t)
	seen := g.as(t, "", g.pair(t, "dashboard.internal"))
	for _, values := range [][]string{{"Bearer x\xe9"}, {"Bearer\tx"}, {"\xe9", "Bearer billing-token"}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, seen.url+"/v1/devices/"+exampleICCID+"/usageInZone", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header["Authorization"] = values
		if got := seen.do(t, req); got.status == nil || reasonIn(t, got.status) != "CREDENTIALS_INVALID" {
			t.Errorf("%q: %v", values, got.status)
		}
	}
}

// A root that is taken out no longer vouches, not even over connections from before.
func TestARootThatIsTakenOut(t *testing.T) {
	g := newGuardedRig(t)
	seen := g.as(t, "", g.pair(t, "dashboard.internal"))
	for door, ask := range doors {
		if got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID}); got.status != nil {
			t.Errorf("%s: %v", door, got.status)
		}
	}
	other, err := os.ReadFile(certtest.NewCA(t).File)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, g.ca.File, string(other))
	if err := g.certs.Reload(); err != nil {
		t.Fatal(err)
	}
	for door, ask := range doors {
		if got := ask(t.Context(), t, seen, &request{Iccid: exampleICCID}); reasonIn(t, got.status) != "CREDENTIALS_MISSING" {
			t.Errorf("%s: %v", door, got.status)
		}
	}
}

// The log tells who a caller is, by its JWT too, and of a question that is refused its account.
func TestTheLogTellsWhoCalled(t *testing.T) {
	g := newGuardedRig(t)
	for door, ask := range doors {
		ask(t.Context(), t, g.as(t, g.key.Sign(t, jwttest.Claims(g.issuer, nil)), nil), &request{Iccid: exampleICCID})
		ask(t.Context(), t, g.as(t, "elsewhere-token", nil), &request{Iccid: exampleICCID})
		ask(t.Context(), t, g.as(t, "elsewhere-token", nil), &request{Iccid: "12"})
		var told []string
		for _, line := range g.lines(t)[len(g.lines(t))-3:] {
			told = append(told, fmt.Sprint(line["door"], line["caller"], line["subject"], line["account"], line["reason"]))
		}
		door = strings.ToLower(door)
		want := []string{
			fmt.Sprint(door, "reports", "reports", "test", nil), fmt.Sprint(door, "elsewhere", nil, "test", "NOT_ALLOWED"),
			fmt.Sprint(door, "elsewhere", nil, "test", "NOT_ALLOWED"),
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("%s: the log (-want +got)\n%s", door, diff)
		}
	}
}

func TestCORSIsForListedOriginsAlone(t *testing.T) {
	listed := newRig(t, newSandbox(t), func(cfg *service.Config) { cfg.CORSOrigins = []string{"https://usage.example.com"} })
	off := newRig(t, newSandbox(t))
	for name, test := range map[string]struct {
		rig            *rig
		origin, method string
		want           string
	}{
		"listed":            {listed, "https://usage.example.com", http.MethodGet, "https://usage.example.com"},
		"listed, preflight": {listed, "https://usage.example.com", http.MethodOptions, "https://usage.example.com"},
		"another":           {listed, "https://example.com", http.MethodGet, ""},
		"off":               {off, "https://usage.example.com", http.MethodGet, ""},
		"off, preflight":    {off, "https://usage.example.com", http.MethodOptions, ""},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, test.rig.url+"/v1/devices/"+exampleICCID+"/usageInZone", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", test.origin)
		req.Header.Set("Access-Control-Request-Method", http.MethodGet)
		req.Header.Set("Access-Control-Request-Headers", "authorization")
		resp, err := test.rig.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("Access-Control-Allow-Origin"); got != test.want || resp.Header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: pages of %q may call, want %q", name, got, test.want)
		}
	}
}

// A page of another site has a browser send what it likes, and reads nothing of it, but each answer would cost a call. Only
// where everybody on this machine may ask does the host have to be this machine's.
func TestPagesOfOtherSitesCauseNoCalls(t *testing.T) {
	local := newRig(t, newSandbox(t), func(cfg *service.Config) {
		cfg.LoopbackOnly, cfg.CORSOrigins = true, []string{"https://Usage.example.com"}
	})
	behindProxy := newRig(t, newSandbox(t))
	for name, test := range map[string]struct {
		rig    *rig
		host   string
		header http.Header
		fields []string // at fault; none: it is answered
	}{
		"no browser":                      {local, "", nil, nil},
		"by name":                         {local, "LocalHost:8080", http.Header{"Sec-Fetch-Site": {"none"}}, nil},
		"the page itself":                 {local, "[::1]:8080", http.Header{"Sec-Fetch-Site": {"same-origin"}}, nil},
		"its scripts, in an old browser":  {local, "localhost:8080", http.Header{"Origin": {"http://localhost:8080"}}, nil},
		"a listed page":                   {local, "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://usage.example.com"}}, nil},
		"a picture's address":             {local, "", http.Header{"Sec-Fetch-Site": {"cross-site"}}, []string{"Origin"}},
		"another page":                    {local, "", http.Header{"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://example.com"}}, []string{"Origin"}},
		"a WebSocket":                     {local, "", http.Header{"Origin": {"https://example.com"}, "Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, []string{"Origin"}},
		"what another page may want soon": {local, "", http.Header{"Sec-Fetch-Site": {"none"}, "Sec-Purpose": {"prefetch;prerender"}}, []string{"Origin"}},
		"a name that points here":         {local, "example.com:8080", http.Header{"Sec-Fetch-Site": {"same-origin"}}, []string{"Host"}},
		"a page of a host beside":         {local, "", http.Header{"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:9999"}}, []string{"Origin"}},
		"behind a proxy":                  {behindProxy, "usage.example.com", http.Header{"Sec-Fetch-Site": {"same-origin"}}, nil},
		"another page, behind a proxy":    {behindProxy, "usage.example.com", http.Header{"Origin": {"null"}}, []string{"Origin"}},
	} {
		t.Run(name, func(t *testing.T) {
			req := browserRequest(t, http.MethodGet, test.rig.url+usagePath, test.host, test.header)
			before := test.rig.calls.Load()
			got := test.rig.do(t, req)
			if test.fields == nil {
				if got.httpStatus != http.StatusOK {
					t.Errorf("HTTP status %d, %v", got.httpStatus, got.status)
				}
				return
			}
			checkStatus(t, "REST", got, codes.InvalidArgument, http.StatusBadRequest,
				[]proto.Message{info(usagev1.ErrorReason_ERROR_REASON_INVALID_REQUEST), fields(test.fields...)})
			if calls := test.rig.calls.Load(); calls != before {
				t.Errorf("%d calls of Control Center", calls-before)
			}
		})
	}
}

// browserRequest is one with headers that a browser sends.
func browserRequest(t *testing.T, method, url, host string, header http.Header) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = host
	maps.Copy(req.Header, header)
	return req
}

// The door for existing clients refuses such a request in its own words.
func TestPagesOfOtherSitesAtTheLegacyDoor(t *testing.T) {
	r := newRig(t, newSandbox(t), func(cfg *service.Config) { cfg.LegacyDoor = true })
	req := browserRequest(t, http.MethodGet, r.url+"/rws/api/v1/devices/"+exampleICCID+"/usageInZone", "", http.Header{"Sec-Fetch-Site": {"cross-site"}})
	req.SetBasicAuth("any", "one")
	resp, err := r.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), `"errorCode":"10000028"`) {
		t.Errorf("%v, HTTP status %d, %s", err, resp.StatusCode, body)
	}
	if lines := r.lines(t); len(lines) != 1 || lines[0]["door"] != "legacy" || r.calls.Load() != 0 {
		t.Errorf("%d calls, and in the log %v", r.calls.Load(), lines)
	}
}
