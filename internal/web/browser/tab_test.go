package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for what a test waits for.
const patience = 30 * time.Second

// A tab is a tab of Chromium, with cookies and storage of its own.
type tab struct {
	*testing.T
	ctx    context.Context
	origin string

	mu     sync.Mutex
	asked  []string // what was requested, method and URL
	sent   []string // the Authorization of each question
	faults []string // what the console said, and what was requested elsewhere
}

// look is how somebody looks at the page.
type look struct {
	width int64
	dark  bool
}

func (l look) String() string {
	return fmt.Sprintf("%d-%s", l.width, map[bool]string{false: "light", true: "dark"}[l.dark])
}

var looks = []look{{1440, false}, {1440, true}, {360, false}, {360, true}}

// open opens a tab. When the test ends, nothing must have been requested from elsewhere or be on the console.
func open(t *testing.T, origin string, l look) *tab {
	t.Helper()
	p := &tab{T: t, origin: origin}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithNewBrowserContext(), chromedp.WithListener(p.listen))
	if err := chromedp.Do(ctx); err != nil { // the first use makes the tab, and must have no timeout
		t.Fatal(err)
	}
	limited, stop := context.WithTimeout(ctx, patience)
	p.ctx = limited
	t.Cleanup(func() {
		stop()
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Error(fault)
		}
	})
	scheme := map[bool]string{false: "light", true: "dark"}[l.dark]
	call(p, network.Enable, network.EnableParams{})
	call(p, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: l.width, Height: 900, DeviceScaleFactor: 1, Mobile: l.width < 500,
	})
	call(p, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		url := event.Request.URL
		p.asked = append(p.asked, event.Request.Method+" "+url)
		if strings.Contains(url, "/v1/") {
			token, _ := event.Request.Headers["Authorization"].(string)
			p.sent = append(p.sent, token)
		}
		if !strings.HasPrefix(url, p.origin+"/") && !strings.HasPrefix(url, "blob:"+p.origin) && url != "about:blank" &&
			!strings.HasPrefix(url, "data:") { // which has its content in it: the icons of Chromium's own fields

			p.faults = append(p.faults, "requested elsewhere: "+url)
		}
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, "exception: "+event.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		said, _ := json.Marshal(event.Args)
		p.faults = append(p.faults, fmt.Sprintf("console.%s: %s", event.Type, said))
	case *log.EventEntryAdded:
		// Chromium itself tells of every reply that is an error.
		answered := event.Entry.Source == log.EntrySourceNetwork && strings.Contains(event.Entry.URL, "/v1/devices/")
		if !answered {
			p.faults = append(p.faults, fmt.Sprintf("console: %s %s", event.Entry.Text, event.Entry.URL))
		}
	}
}

// call sends a command of Chromium's protocol.
func call[P, R any](p *tab, command cdp.Command[P, R], params P) {
	p.Helper()
	if _, err := chromedp.Call(p.ctx, command, params); err != nil {
		p.Fatal(err)
	}
}

// do does one thing after the other.
func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		p.Fatal(err)
	}
}

// load loads the page with a query string.
func (p *tab) load(query string) {
	p.Helper()
	p.do(chromedp.Navigate(p.origin + "/" + query))
}

// see waits until what a selector finds can be seen.
func (p *tab) see(selector string) {
	p.Helper()
	p.until(fmt.Sprintf("document.querySelector(%q)?.checkVisibility()", selector))
}

// eval gives the value of an expression.
func eval[T any](p *tab, expression string) (value T) {
	p.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.Fatal(err)
	}
	return value
}

// until waits until an expression is true.
func (p *tab) until(expression string) {
	p.Helper()
	if _, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingInterval(50*time.Millisecond))); err != nil {
		p.Fatalf("%s is not so: %v", expression, err)
	}
}

// text is the text that is seen; a space that keeps a line together is one.
func (p *tab) text(selector string) string {
	p.Helper()
	return strings.ReplaceAll(eval[string](p, fmt.Sprintf("document.querySelector(%q).innerText", selector)), "\u00a0", " ")
}

// shows fails unless every text is seen.
func (p *tab) shows(selector string, texts ...string) {
	p.Helper()
	seen := p.text(selector)
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			p.Errorf("%s does not show %q:\n%s", selector, text, seen)
		}
	}
}

func (p *tab) click(selector string) {
	p.Helper()
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// enter fills a field.
func (p *tab) enter(selector, value string) {
	p.Helper()
	eval[string](p, fmt.Sprintf("document.querySelector(%q).value = ''", selector))
	p.do(chromedp.SendKeys(chromedp.CSS(selector), value))
}

// questions are the questions that were asked of the service.
func (p *tab) questions() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var asked []string
	for _, request := range p.asked {
		if strings.Contains(request, "/v1/devices/") {
			asked = append(asked, strings.TrimPrefix(request, "GET "+p.origin))
		}
	}
	return asked
}

// fits fails when a part of the page can only be seen by scrolling sideways.
func (p *tab) fits() {
	p.Helper()
	if over := eval[int](p, "document.documentElement.scrollWidth - document.documentElement.clientWidth"); over > 0 {
		wide := eval[[]string](p, `[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
			.map((e) => e.tagName + '.' + e.className).slice(0, 8)`)
		p.Errorf("the page is %d px too wide: %v", over, wide)
	}
}

// whole fails when a number is broken over two lines, but in a call to copy.
func (p *tab) whole() {
	p.Helper()
	broken := eval[[]string](p, `(() => {
		const broken = [];
		const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		while (texts.nextNode()) {
			const text = texts.currentNode;
			if (text.parentElement.closest('pre, script')) continue;
			for (const { 0: number, index } of text.data.matchAll(/(?<![\w-])\d[\d.,:-]*\d(?![\w-])|\d\u00a0\p{L}+/gu)) {
				const range = document.createRange();
				range.setStart(text, index);
				range.setEnd(text, index + number.length);
				if (new Set([...range.getClientRects()].map((rect) => rect.top)).size > 1) broken.push(number);
			}
		}
		return broken;
	})()`)
	if len(broken) > 0 {
		p.Errorf("broken over two lines: %q", broken)
	}
}

// accessible fails on what axe-core finds, by all of its rules for WCAG 2.2 AA and good practice.
func (p *tab) accessible() {
	p.Helper()
	eval[int](p, axe+";0")
	found := eval[[]string](p, `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }).then((results) =>
		results.violations.flatMap((rule) => rule.nodes.map((node) => rule.id + ': ' + node.html.slice(0, 200) + ' ' + node.failureSummary)))`)
	for _, violation := range found {
		p.Error(violation)
	}
}

// shoot keeps what the page looks like, where a folder for it is given.
func (p *tab) shoot(name string) {
	p.Helper()
	dir := os.Getenv(shotsVariable)
	if dir == "" {
		return
	}
	png, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		p.Fatal(err)
	}
}

// tokens are what the questions had as Authorization.
func (p *tab) tokens() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.sent)
}
