package service

import (
	"net/http"

	"github.com/rs/cors"
)

// withCORS lets pages of these origins call, and read the headers of replies (the Fetch standard, section 3.3).
func withCORS(origins []string, rest http.Handler) http.Handler {
	if len(origins) == 0 {
		return rest // rs/cors takes an empty list for all origins
	}
	exposed := []string{"Retry-After", "WWW-Authenticate"}
	for _, name := range replyHeaders {
		exposed = append(exposed, name.rest)
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
