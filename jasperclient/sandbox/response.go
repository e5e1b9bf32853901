package sandbox

import (
	"fmt"
	"net/http"
)

// contentTypeLatin1 is what error answers were seen to declare, though the bytes
// are UTF-8.
const contentTypeLatin1 = "application/json;charset=ISO-8859-1"

func writeAnswer(w http.ResponseWriter, answer usageAnswer) {
	w.Header().Set("Content-Type", "application/json")
	write(w, http.StatusOK, encode(answer))
}

// errorBody is the flat body of every error; the code is a string.
type errorBody struct {
	ErrorMessage string `json:"errorMessage"`
	ErrorCode    string `json:"errorCode,omitempty"`
}

func writeError(w http.ResponseWriter, err *vendorError) {
	writeErrorBody(w, err.status, errorBody{ErrorMessage: err.message, ErrorCode: err.code})
}

// writeChallenge answers a caller without credentials: an error without a code,
// seen by several clients. Some send credentials only after it.
func writeChallenge(w http.ResponseWriter) {
	writeErrorBody(w, http.StatusUnauthorized, errorBody{
		ErrorMessage: "Full authentication is required to access this resource",
	})
}

func writeErrorBody(w http.ResponseWriter, status int, body errorBody) {
	if status == http.StatusUnauthorized {
		// RFC 9110, 15.5.2: every 401 carries a challenge.
		w.Header().Set("WWW-Authenticate", `Basic realm="Jasper"`)
	}
	w.Header().Set("Content-Type", contentTypeLatin1)
	write(w, status, encode(body))
}

// writeHTML answers as the proxy in front of Control Center does, whose errors
// are not of the API.
func writeHTML(w http.ResponseWriter, status int) {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	w.Header().Set("Content-Type", "text/html")
	write(w, status, fmt.Appendf(nil,
		"<html>\n<head><title>%[1]s</title></head>\n<body>\n<center><h1>%[1]s</h1></center>\n</body>\n</html>\n", title))
}

// writeTimeout answers a call whose context ended while the client still
// listens: the time-out of a server in front. Such a server answers HTML.
func writeTimeout(w http.ResponseWriter) { writeHTML(w, http.StatusServiceUnavailable) }

func write(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that left is nobody to tell
}
