package controlcenter

import (
	"fmt"
	"net/http"
)

// ContentTypeLatin1 is the type that error answers were seen to declare, although their bytes are UTF-8.
const ContentTypeLatin1 = "application/json;charset=ISO-8859-1"

// Write writes the answer.
func (a Answer) Write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	write(w, http.StatusOK, a.Body())
}

// refusalBody is the body of every error. The code is a string.
type refusalBody struct {
	ErrorMessage string `json:"errorMessage"`
	ErrorCode    string `json:"errorCode,omitempty"`
}

// Write writes the error.
func (r *Refusal) Write(w http.ResponseWriter) {
	if r.Status == http.StatusUnauthorized {
		// RFC 9110, 15.5.2: every 401 carries a challenge.
		w.Header().Set("WWW-Authenticate", `Basic realm="Jasper"`)
	}
	w.Header().Set("Content-Type", ContentTypeLatin1)
	write(w, r.Status, encode(refusalBody{ErrorMessage: r.Message, ErrorCode: r.Code}))
}

// WriteHTML answers like the proxy in front of Control Center, whose errors are pages and not JSON.
func WriteHTML(w http.ResponseWriter, status int) {
	title := fmt.Sprintf("%d %s", status, http.StatusText(status))
	w.Header().Set("Content-Type", "text/html")
	write(w, status, fmt.Appendf(nil,
		"<html>\n<head><title>%[1]s</title></head>\n<body>\n<center><h1>%[1]s</h1></center>\n</body>\n</html>\n", title))
}

// WriteMethodNotAllowed answers a method other than GET and HEAD.
func WriteMethodNotAllowed(w http.ResponseWriter) {
	w.Header().Set("Allow", "GET, HEAD")
	WriteHTML(w, http.StatusMethodNotAllowed)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body) // fails if the client has left, and then there is nobody to tell
}
