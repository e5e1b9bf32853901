package service

import (
	"net/http"

	"github.com/rs/cors"
)

// withCORS lets the pages of these origins call, and read what the replies' headers say (the Fetch standard, section 3.3).
func withCORS(origins []string, rest http.Handler) http.Handler {
	if len(origins) == 0 {
		return rest // for rs/cors no origin would mean all of them
	}
	exposed := []string{"Retry-After", "WWW-Authenticate"}
	for _, told := range replyHeaders {
		exposed = append(exposed, told.rest)
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet},
		AllowedHeaders: []string{headerAuthorization.rest, headerRequestID.rest, headerClass.rest, restTimeoutHeader,
			headerTraceParent.rest, headerTraceState.rest},
		ExposedHeaders: exposed,
		MaxAge:         600, // seconds, the most that browsers take
	}).Handler(rest)
}
