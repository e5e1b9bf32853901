package jasperclient

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A plainQueue is what a queue has to do, said as simply as can be: the line that is next stands first.
type plainQueue struct{ lines []*plainLine }

type plainLine struct {
	name  string
	turns []*turn
}

func (q *plainQueue) line(name string) *plainLine {
	i := slices.IndexFunc(q.lines, func(l *plainLine) bool { return l.name == name })
	if i < 0 {
		q.lines = append(q.lines, &plainLine{name: name})
		i = len(q.lines) - 1
	}
	return q.lines[i]
}

func (q *plainQueue) push(t *turn, at rank) {
	l := q.line(t.caller.Name)
	if at == atHead {
		l.turns = slices.Insert(l.turns, 0, t)
	} else {
		l.turns = append(l.turns, t)
	}
}

func (q *plainQueue) remove(t *turn) {
	l := q.line(t.caller.Name)
	l.turns = slices.DeleteFunc(l.turns, func(u *turn) bool { return u == t })
	q.lines = slices.DeleteFunc(q.lines, func(l *plainLine) bool { return len(l.turns) == 0 })
}

func (q *plainQueue) pop() *turn {
	l := q.lines[0]
	t := l.turns[0]
	q.lines = append(q.lines[1:], l)
	q.remove(t)
	return t
}

// order is the order in which all turns come.
func (q *plainQueue) order() (all []*turn) {
	for round := 0; ; round++ {
		some := false
		for _, l := range q.lines {
			if round < len(l.turns) {
				all, some = append(all, l.turns[round]), true
			}
		}
		if !some {
			return all
		}
	}
}

// Whoever comes, leaves and is served, the queue does what the plain one does, and knows the place of each turn.
func TestTheQueueDoesWhatIsSaid(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var q queue
		var plain plainQueue
		var all []*turn
		crowded := rapid.Bool().Draw(rt, "crowded") // the circle has hardly any room
		rt.Repeat(map[string]func(*rapid.T){
			"push": func(rt *rapid.T) {
				name := fmt.Sprint(rapid.IntRange(0, 12).Draw(rt, "caller"))
				at := rapid.SampledFrom([]rank{atEnd, atEnd, atHead}).Draw(rt, "at")
				added := newTurn(Caller{Name: name}, nil)
				if crowded {
					squeeze(&q)
				}
				q.push(added, at)
				plain.push(added, at)
				all = append(all, added)
			},
			"pop": func(rt *rapid.T) {
				if len(all) == 0 {
					rt.Skip()
				}
				want := plain.pop()
				if got := q.pop(); got != want {
					rt.Fatalf("%s has the turn, want %s", got.caller.Name, want.caller.Name)
				}
				all = slices.DeleteFunc(all, func(u *turn) bool { return u == want })
			},
			"remove": func(rt *rapid.T) {
				if len(all) == 0 {
					rt.Skip()
				}
				i := rapid.IntRange(0, len(all)-1).Draw(rt, "turn")
				q.remove(all[i])
				plain.remove(all[i])
				all = slices.Delete(all, i, i+1)
			},
			"": func(rt *rapid.T) { checkQueue(rt, &q, &plain, all) },
		})
	})
}

// squeeze leaves the lines no room between them.
func squeeze(q *queue) {
	position := uint64(0)
	for element := q.circle.Front(); element != nil; element = element.Next() {
		position++
		element.Value.(*line).position = position
	}
}

func checkQueue(rt *rapid.T, q *queue, plain *plainQueue, all []*turn) {
	if q.waiting != len(all) || len(q.lines) != len(plain.lines) || q.circle.Len() != len(plain.lines) {
		rt.Fatalf("%d wait in %d lines, %d in the circle; want %d in %d", q.waiting, len(q.lines), q.circle.Len(), len(all), len(plain.lines))
	}
	order := plain.order()
	longest := 0
	for _, l := range plain.lines {
		longest = max(longest, len(l.turns))
	}
	for i, u := range order {
		if ahead := q.ahead(u); ahead != i {
			rt.Fatalf("%d turns are ahead of one of %s, want %d", ahead, u.caller.Name, i)
		}
		own := plain.line(u.caller.Name)
		gone := q.excess(u)
		line := plain.line(gone.caller.Name)
		if len(line.turns) != longest || line.turns[longest-1] != gone || (len(own.turns) == longest && line != own) {
			rt.Fatalf("where %s is one too many, a turn of %s has to go", u.caller.Name, gone.caller.Name)
		}
	}
}

// However many come while the same line is next, each comes after one turn of everybody else.
func TestTheCircleHasRoom(t *testing.T) {
	const callers, newcomers = 1000, 50_000
	var q queue
	for i := range 2 * callers {
		q.push(newTurn(Caller{Name: fmt.Sprint(i % callers)}, nil), atEnd)
	}
	for range callers / 2 { // half a round: where the newcomers come is the middle of the circle
		q.pop()
	}
	for i := range newcomers {
		added := newTurn(Caller{Name: fmt.Sprint("newcomer ", i)}, nil)
		q.push(added, atEnd)
		if ahead := q.ahead(added); ahead != callers+i {
			t.Fatalf("%d turns are ahead of newcomer %d, want %d", ahead, i, callers+i)
		}
	}
}

// What it costs the lane that a caller comes, asks how long it takes and leaves, and that one in the middle goes to the end
// of its line: O(log n), whoever waits.
func BenchmarkLane(b *testing.B) {
	for _, waiting := range []int{100, 10_000, 100_000} {
		for _, callers := range []int{1, 100, 100_000} {
			b.Run(fmt.Sprintf("%d waiting of %d callers", waiting, min(waiting, callers)), func(b *testing.B) {
				l := newLane(FairUse{CallsInFlight: 1, CallsPerSecond: 1e-3, MaxWaiting: 2 * waiting, BulkShare: 10})
				deadline := time.Now().Add(time.Minute)
				name := func(i int) Caller { return Caller{Name: fmt.Sprint(i / 2 % callers), Bulk: i%2 == 0} }
				var all []*waiter
				for i := range waiting {
					all = append(all, newWaiter(name(i)))
					if err := l.enter(all[i].turn, atEnd); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportAllocs()
				b.ResetTimer()
				for i := range b.N {
					t := newWaiter(name(i)).turn
					if err := l.enter(t, atEnd); err != nil {
						b.Fatal(err)
					}
					_ = l.late(t, deadline)
					l.withdraw(t)
					if moved := all[1+i*7919%(waiting-1)]; l.withdraw(moved.turn) { // the first one has its turn
						if err := l.enter(moved.turn, atEnd); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}
