package browser

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// A state of the page, and how one gets there.
type state struct {
	name, query, seen string // seen is a selector
	then              func(*tab)
}

var states = []state{
	{name: "start", seen: ".examples"},
	{name: "answer", query: "?iccid=8988217755520000031", seen: ".charts"},
	{name: "compared", query: "?iccid=8988217755520000031", seen: ".charts", then: func(p *tab) {
		p.click("#earlier-title + button")
		p.see(".compared table")
	}},
	{name: "zones", query: "?iccid=8999901000000000019", seen: ".charts"},
	{name: "names", query: "?iccid=8999901000000000035", seen: ".charts"},
	{name: "scripts", query: "?iccid=8999901000000000043", seen: ".charts"},
	{name: "zeros", query: "?iccid=8999901000000000068", seen: ".charts"},
	{name: "large", query: "?iccid=8999901000000000076", seen: ".charts"},
	{name: "nothing", query: "?iccid=8999901000000000050", seen: ".nothing"},
	{name: "filtered", query: "?iccid=8988217755520000031&ratePlan=Rate%20Plan%20B&zone=default%20zone&account=sandbox", seen: ".filters"},
	{name: "unknown", query: "?iccid=8988217755520000099", seen: ".failure"},
	{name: "malformed", query: "?iccid=89&cycleStartDate=2016-13-40&rateplan=x", seen: ".failure"},
	{name: "too-early", query: "?iccid=8988217755520000031&cycleStartDate=2020-01-01", seen: ".failure"},
	{name: "overflow", query: "?iccid=8999901000000000134", seen: ".failure"},
	{name: "refused", query: "?iccid=890000000010000001", seen: ".failure"}, // the last: the service asks no more for a while
}

// Every state can be used by everybody, at every size and in every scheme.
func TestStates(t *testing.T) {
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			origin := serve(t)
			for _, s := range states {
				t.Run(s.name, func(t *testing.T) {
					p := open(t, origin, l)
					p.load(s.query)
					p.see(s.seen)
					if s.then != nil {
						s.then(p)
					}
					p.check(s.name + "-" + l.String())
				})
			}
		})
	}
}

func TestStatesOfACaller(t *testing.T) {
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			p := open(t, serve(t, callers(t, "0.05")), l)
			p.load("?iccid=8988217755520000031")
			p.see("#token")
			p.check("token-" + l.String())
			p.enter("#token", callerToken)
			p.click(".token button")
			p.see(".charts, .countdown")
			for eval[bool](p, "document.querySelector('.countdown') === null") {
				p.click("#question button")
				p.until("document.querySelector('[aria-busy]') === null")
			}
			p.see(".countdown")
			p.check("limited-" + l.String())
		})
	}
}

// A question that waits for its turn says so, and can be left.
func TestAsking(t *testing.T) {
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			p := open(t, serve(t, "--calls-per-second=0.05"), l)
			p.load("?iccid=8988217755520000031")
			p.see(".charts")
			p.enter("#iccid", "8999901000000000019")
			p.click("#question button")
			p.see(".asking")
			p.check("asking-" + l.String())
			p.click(".asking button")
			p.until("document.querySelector('.asking') === null && document.activeElement.id === 'iccid'")
			p.shows("#results", "The question was left.")
		})
	}
}

// A question for which there is no turn in time is refused at once, with the time to wait for one.
func TestNoTurn(t *testing.T) {
	p := open(t, serve(t, "--calls-per-second=0.05"), desktop)
	p.load("?iccid=8988217755520000031")
	p.see(".charts")
	p.click("#earlier-title + button") // takes the next turn
	p.until("document.querySelector('.compared').innerText.includes('Asking')")
	p.enter("#iccid", "8999901000000000019")
	p.click("#question button")
	p.see(".countdown")
	p.shows(".failure", "RATE_LIMITED", "used up for now")
	p.until("/^in (3[0-9]|4[01]) s$/.test(document.querySelector('.countdown').innerText)")
	p.check("no-turn-" + desktop.String())
}

// Without the service the page says so, and asks again when it is wanted.
func TestUnreachable(t *testing.T) {
	p := open(t, serve(t), desktop)
	p.load("?iccid=8988217755520000031")
	p.see(".charts")
	eval[string](p, "window.fetch = () => Promise.reject(new TypeError('the connection is lost')); ''")
	p.click("#question button")
	p.see(".failure")
	p.shows(".failure", "The service cannot be reached")
	p.check("unreachable-" + desktop.String())
	p.do(chromedp.Reload())
	p.see(".charts")
}

// check looks at the page as it is.
func (p *tab) check(name string) {
	p.Helper()
	p.fits()
	p.whole()
	p.accessible()
	p.shoot(name)
}
