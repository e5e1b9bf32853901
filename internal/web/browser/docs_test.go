package browser

import "testing"

// /docs is read without scrolling sideways, under its policy, and leads back to the page.
func TestDocs(t *testing.T) {
	for _, l := range looks {
		t.Run(l.String(), func(t *testing.T) {
			p := open(t, serve(t), l)
			p.load("docs")
			p.see(".responses-table")
			p.see(".models")
			p.fits()
			if over := eval[int](p, "(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)(document.querySelector('.responses-table'))"); over > 0 {
				p.Errorf("the table of responses is %d px too wide", over)
			}
			p.shoot("docs-" + l.String())
			if back := eval[string](p, "document.querySelector('.home a').href"); back != p.origin+"/" {
				p.Errorf("the link back leads to %s", back)
			}
		})
	}
}
