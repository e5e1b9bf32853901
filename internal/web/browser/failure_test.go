package browser

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A link with any parameter is refused, also one that is called as what a form of the browser's has anyway.
func TestLinkWithAnyParameter(t *testing.T) {
	p := open(t, serve(t), desktop)
	for _, name := range []string{"length", "constructor", "item", "namedItem", "submit", "__proto__", "toString", "question", "iccid-fault"} {
		p.load("?" + url.Values{"iccid": {vendorExample}, name: {"1"}}.Encode())
		p.see(".failure")
		p.shows(".failure", "INVALID_REQUEST", name+": there is no such parameter")
		if marked := eval[int](p, "document.querySelectorAll('[aria-invalid]').length"); marked != 0 {
			t.Errorf("%s: %d fields are marked", name, marked)
		}
	}
	for name, link := range map[string]string{
		"iccid":          "iccid=" + vendorExample + "&iccid=1",
		"cycleStartDate": "iccid=" + vendorExample + "&cycle_start_date=1",
		"ratePlan":       "iccid=" + vendorExample + "&ratePlan=" + strings.Repeat("x", 2000),
		"zone":           "iccid=" + vendorExample + "&zone=1&zone=2",
		"account":        "iccid=" + vendorExample + "&account=constructor",
	} {
		p.load("?" + link)
		p.see(".failure")
		if marked := eval[[]string](p, "[...document.querySelectorAll('[aria-invalid]')].map((field) => field.id)"); !slices.Equal(marked, []string{name}) {
			t.Errorf("%s: %v are marked", link, marked)
		}
		if p.text("#"+name+"-fault") == "" {
			t.Errorf("%s: nothing is said at the field", link)
		}
	}
}

// A day too long ago is refused at its field, with the earliest one, and in words.
func TestTooEarly(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=" + vendorExample)
	p.see(".charts")
	p.shows("#cycleStartDate-hint", "the account’s own time zone", "in UTC a cycle may begin the day before")
	p.load("?iccid=" + vendorExample + "&cycleStartDate=2020-01-01")
	p.see(".failure")
	if seen := p.text(".failure h2"); seen != "The day is too long ago" {
		t.Errorf("the title is %q", seen)
	}
	if fault := p.text("#cycleStartDate-fault"); !regexp.MustCompile(`^The day lies before the last three billing cycles; the earliest is \d{4}-\d\d-01\.$`).MatchString(fault) {
		t.Errorf("the field has %q", fault)
	}
	p.shows("#said", "The day is too long ago. Any day of the cycle: The day lies before")
	if text := p.text("main"); strings.Contains(text, "ycle_start_date") {
		t.Errorf("the page speaks of the API's field:\n%s", text)
	}
}

// A total that is too large stays so: who is told that is not offered to ask again.
func TestOverflow(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8999901000000000134")
	p.see(".failure")
	p.shows(".failure", "The answer cannot be shown", "UPSTREAM_INVALID_RESPONSE")
	if text := p.text(".failure"); strings.Contains(text, "Ask again") {
		t.Errorf("the page offers to ask again:\n%s", text)
	}
}

// What the service says to programs is not said to people: each failure has a title and words without a name of the API.
func TestWordsForPeople(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=" + vendorExample)
	p.see(".charts")
	// The texts are those of the service, of which not every one can be had from a sandbox.
	for reason, said := range map[string]struct{ text, title, words string }{
		"RATE_LIMITED": {"the account's calls to Control Center are used up for now; ask again after the time in RetryInfo",
			"Too many questions for now", "The account’s calls to Control Center are used up for now."},
		"CALLER_RATE_LIMITED": {"the caller asks the service more often than its policy allows; ask again after the time in RetryInfo",
			"Too many questions for now", "You ask more often than the service’s policy lets you."},
		"UPSTREAM_UNAVAILABLE": {"Control Center cannot be reached or fails; ask again after the time in RetryInfo",
			"Control Center cannot be reached", "It does not answer, or fails."},
		"UPSTREAM_ERROR": {"Control Center refuses in a way that the service does not know; upstream_code and upstream_status tell it",
			"Control Center refuses", "It does so in a way that the service does not know."},
		"SERVICE_FAILED": {"the service failed; its log has the cause under x-request-id",
			"The service failed", "Its log has the cause, under the x-request-id below."},
		"CREDENTIALS_MISSING": {"the call does not say who calls; send a token as Authorization: Bearer, or use a client certificate, as the service's operator says",
			"Who is asking?", "The service answers those it knows. Its operator can give you a token, or your browser a certificate."},
		"NOT_ALLOWED": {"the service's policy does not list the caller, or does not give it this account; its operator can change that",
			"You may not ask this", "The service’s policy does not name you, or does not give you this account. Its operator can change that."},
		"ISSUER_UNAVAILABLE": {"the token cannot be checked, because its issuer cannot be reached; ask again after the time in RetryInfo",
			"The token cannot be checked", "Who issued it cannot be reached."},
		// These stand as they are, but a field keeps its name.
		"DEVICE_NOT_FOUND":  {"there is none; look", "No such device", "There is none; look."},
		"A_LATER_ONE":       {"cycle_start_date is at fault", "The question failed", "cycle_start_date is at fault."},
		"ANOTHER_LATER_ONE": {"zone is at fault", "The question failed", "zone is at fault."},
	} {
		status := fmt.Sprintf(`{"code":13,"message":%q,"details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":%q}]}`, said.text, reason)
		eval[string](p, fmt.Sprintf("window.fetch = async () => new Response(%q, { status: 500 }); ''", status))
		p.click("#question button")
		p.until(fmt.Sprintf("document.querySelector('.facts')?.innerText.includes(%q)", "\n"+reason))
		if title, words := p.text(".failure h2"), p.text(".failure h2 + p"); title != said.title || words != said.words {
			t.Errorf("%s: the page says %q, %q", reason, title, words)
		}
	}
}
