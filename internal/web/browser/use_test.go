package browser

import (
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func (p *tab) key(keys string) {
	p.Helper()
	p.do(chromedp.KeyEvent(keys))
}

func (p *tab) focused() string {
	p.Helper()
	return eval[string](p, "document.activeElement.id || document.activeElement.innerText || document.activeElement.tagName")
}

// Everything can be done with the keyboard alone.
func TestKeyboard(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("")
	p.see(".examples")
	for _, want := range []string{"Skip to the results", "zoneusage", "API reference", "OpenAPI", "iccid"} {
		if p.key(kb.Tab); p.focused() != want {
			t.Fatalf("the focus is on %q, want %q", p.focused(), want)
		}
	}
	p.key(vendorExample + kb.Enter)
	p.see(".charts")
	if p.focused() != "iccid" {
		t.Errorf("after an answer the focus is on %q, want the field to go on asking", p.focused())
	}
	eval[bool](p, "document.getElementById('iccid').select(); true")
	p.key("8988217755520000099" + kb.Enter)
	p.see(".failure")
	if p.focused() != "failure-title" {
		t.Errorf("after an error the focus is on %q, want its heading", p.focused())
	}
	p.shows(".failure", "No such device", "DEVICE_NOT_FOUND", "NOT_FOUND (HTTP 404)", "Control Center knows no device of this ICCID in the account", "20000001")
	p.load("?iccid=" + vendorExample)
	p.see(".charts")
	reached := map[string]bool{}
	for range 40 {
		p.key(kb.Tab)
		reached[p.focused()] = true
	}
	for _, want := range []string{"cycleStartDate", "ratePlan", "zone", "account", "Show usage", "Save CSV", "Copy link", "Ask Control Center now", "Compare with the two cycles before", "Copy"} {
		if !reached[want] {
			t.Errorf("%q cannot be reached with the keyboard", want)
		}
	}
}

// A link carries the question: it asks when it is loaded, and back and forward ask what stood there.
func TestLink(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("")
	p.see(".examples")
	p.click(`.examples a[href="/?iccid=8999901000000000019"]`)
	p.see(".charts")
	p.enter("#iccid", " "+vendorExample+" ")
	p.enter("#ratePlan", "Rate Plan B")
	p.click("#question button")
	p.until("document.querySelector('.filters')?.innerText === 'ratePlan: Rate Plan B'")
	const link = "/?iccid=" + vendorExample + "&ratePlan=Rate%20Plan%20B"
	if got := eval[string](p, "location.pathname + location.search"); got != link {
		t.Errorf("the link is %s, want %s", got, link)
	}
	p.do(chromedp.NavigateBack())
	p.until("document.querySelector('#answer-title')?.innerText.includes('8999901000000000019')")
	if got := eval[string](p, "document.getElementById('ratePlan').value"); got != "" {
		t.Errorf("the rate plan of the question after is still there: %q", got)
	}
	p.do(chromedp.NavigateBack())
	p.see(".examples")
	p.do(chromedp.NavigateForward(), chromedp.NavigateForward())
	p.until("document.querySelector('.filters')?.innerText === 'ratePlan: Rate Plan B'")

	again := open(t, p.origin, desktop)
	again.load(link[1:])
	again.see(".charts")
	want := "/v1/devices/" + vendorExample + "/usageInZone?ratePlan=Rate%20Plan%20B"
	if asked := again.questions(); !slices.Equal(asked, []string{want}) {
		t.Errorf("loading the link asks %v, want %s", asked, want)
	}
	if got := eval[string](again, "document.getElementById('ratePlan').value"); got != "Rate Plan B" {
		t.Errorf("the form shows the rate plan %q", got)
	}
}

// What is wrong with a field stands at the field; a misspelt parameter of a link is refused too.
func TestViolations(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=89&cycleStartDate=2016-13-40&rateplan=x")
	p.see(".failure")
	p.shows("#iccid-fault", "18 to 22 digits, but it has 2")
	p.shows("#cycleStartDate-fault", "The calendar has no day 2016-13-40")
	p.shows(".failure", "The question has a mistake", "INVALID_REQUEST", "rateplan", "there is no such parameter")
	if invalid := eval[[]string](p, "[...document.querySelectorAll('[aria-invalid]')].map((field) => field.id)"); !slices.Equal(invalid, []string{"iccid", "cycleStartDate"}) {
		t.Errorf("%v are marked", invalid)
	}
	p.enter("#iccid", vendorExample)
	p.click("#question button")
	p.see(".charts")
	if text := p.text("#question"); strings.Contains(text, "calendar") {
		t.Errorf("a fault of the question before is still there:\n%s", text)
	}
}

// Who has to say who they are is asked for a token. It is kept for the tab, and goes nowhere but into the header.
func TestToken(t *testing.T) {
	p := open(t, serve(t, callers(t, "100")), desktop)
	p.load("?iccid=" + vendorExample)
	p.see("#token")
	p.shows(".failure", "Who is asking?", "CREDENTIALS_MISSING")
	p.enter("#token", "wrong")
	p.key(kb.Enter)
	p.until("document.querySelector('.failure')?.innerText.includes('CREDENTIALS_INVALID')")
	if p.focused() != "token" {
		t.Errorf("the focus is on %q, want the token", p.focused())
	}
	p.enter("#token", callerToken)
	p.key(kb.Enter)
	p.see(".charts")
	p.shows(".call:nth-of-type(1)", `ZONEUSAGE_TOKEN="$TOKEN" zoneusage get`)
	p.shows(".call:nth-of-type(2)", `-H "Authorization: Bearer $TOKEN"`)
	p.do(chromedp.Reload())
	p.see(".charts")
	if want := []string{"", "Bearer wrong", "Bearer " + callerToken, "Bearer " + callerToken}; !slices.Equal(p.tokens(), want) {
		t.Errorf("sent %q, want %q", p.tokens(), want)
	}
	if found := eval[bool](p, `(location.href + document.cookie + JSON.stringify(localStorage) + document.documentElement.outerHTML).includes("`+callerToken+`")`); found {
		t.Error("the token is somewhere else than in the tab's storage")
	}
	p.click("#forget-token")
	p.click("#question button")
	p.see("#token")
}

// Who asks too often is told how long to wait, and may ask again then.
func TestCountdown(t *testing.T) {
	p := open(t, serve(t, callers(t, "0.3")), desktop)
	p.load("?iccid=" + vendorExample)
	p.see("#token")
	p.enter("#token", callerToken)
	p.key(kb.Enter)
	p.see(".charts")
	p.click("#question button")
	p.see(".countdown")
	p.shows(".failure", "Too many questions for now", "CALLER_RATE_LIMITED", "RESOURCE_EXHAUSTED (HTTP 429)")
	p.until("/^in [1-4] s$/.test(document.querySelector('.countdown').innerText) && document.querySelector('.retry button').disabled")
	before := len(p.questions())
	p.until("!document.querySelector('.retry button').disabled")
	p.shows("#said", "You may ask again now")
	if now := len(p.questions()); now != before {
		t.Errorf("%d questions were asked by themselves", now-before)
	}
	p.click(".retry button")
	p.see(".charts")
}
