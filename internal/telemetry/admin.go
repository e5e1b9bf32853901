package telemetry

import (
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"strings"
	"time"
)

const (
	// scrapeTimeout bounds a scrape. readTimeout and idleTimeout bound how long a caller can keep a connection open.
	scrapeTimeout = 10 * time.Second
	readTimeout   = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// writeTimeout leaves time for a profile of a minute and more.
	writeTimeout = 2 * time.Minute
	// maxHeaderBytes is far above the header of any scraper.
	maxHeaderBytes = 16 << 10
)

// pprofPath begins the paths of profiles.
const pprofPath = "/debug/pprof/"

// NewAdmin makes the operator's HTTP server. It has the metrics, profiles for callers on loopback only, and health, which
// withHealth adds.
func NewAdmin(metrics *Metrics, withHealth func(http.Handler) http.Handler, log *slog.Logger) *http.Server {
	errorLog := slog.NewLogLogger(log.Handler(), slog.LevelWarn)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics.handler(errorLog))
	for path, profile := range map[string]http.HandlerFunc{
		"": pprof.Index, "cmdline": pprof.Cmdline, "profile": pprof.Profile, "symbol": pprof.Symbol, "trace": pprof.Trace,
	} {
		mux.Handle(pprofPath+path, loopbackOnly(profile))
	}
	return &http.Server{
		Handler:           withHealth(mux),
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          errorLog,
	}
}

// loopbackOnly refuses callers on other machines: a profile reveals what is in memory, and takes time to make.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A web page can make a browser on this machine call this server, but not with a Host that names this machine.
		if named := strings.HasPrefix(r.Host, "localhost:") || isLoopback(r.Host); !named || !isLoopback(r.RemoteAddr) {
			http.Error(w, "profiles are for callers on this machine alone; forward the port to it, and ask its loopback address",
				http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
