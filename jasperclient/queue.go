package jasperclient

import "container/list"

// A queue is where the calls of one class wait. Callers take turns, and the calls of one caller are first come, first
// served: a caller with a thousand calls delays a caller with one call by a single turn.
//
// The callers' lines stand in a circle, which is served round after round. So the order of all waiting turns is known: by
// round, and within a round by line. Each operation takes O(log n) for n waiting turns, whoever their callers are.
type queue struct {
	waiting int
	lines   map[string]*line
	circle  list.List   // of *line, in the order of their positions
	places  tree[place] // one for each waiting turn

	head, tail int // the last numbers given to turns at the head and at the end of a line
}

// A line is the waiting turns of one caller. A line without turns is removed.
type line struct {
	name     string
	turns    tree[*turn]
	round    int    // in which its first turn comes
	position uint64 // in the circle
	element  *list.Element
}

// A place is where a turn of a line comes among all turns. It does not say which turn: when a turn leaves, those behind it
// move up, and only the line's last place goes.
type place struct {
	round int
	line  *line
}

func (p place) before(q place) bool {
	if p.round != q.round {
		return p.round < q.round
	}
	return p.line.position < q.line.position
}

// before is the order of the turns in a line.
func (t *turn) before(u *turn) bool { return t.number < u.number }

// push puts the turn at the end or the head of its caller's line.
func (q *queue) push(t *turn, at rank) {
	l, ok := q.lines[t.caller.Name]
	if !ok {
		l = q.open(t.caller.Name)
	}
	if at == atHead {
		q.head--
		t.number = q.head
	} else {
		q.tail++
		t.number = q.tail
	}
	t.queued = true
	q.places.insert(place{l.round + l.turns.len(), l})
	l.turns.insert(t)
	q.waiting++
}

// open begins a line behind all others: in the circle just before the line that is next, and so in the next round.
func (q *queue) open(name string) *line {
	if q.lines == nil {
		q.lines = map[string]*line{}
	}
	l := &line{name: name}
	q.lines[name] = l
	if q.waiting == 0 {
		l.element = q.circle.PushBack(l)
	} else if next := q.places.first(); next.line.element == q.circle.Front() { // a round ends where the circle is cut
		l.round, l.element = next.round, q.circle.PushBack(l)
	} else {
		l.round, l.element = next.round+1, q.circle.InsertBefore(l, next.line.element)
	}
	if !l.settle() {
		q.spread()
	}
	return l
}

const circumference = 1 << 63

// settle gives the line a position between its neighbours, and leaves most of the room for lines that come before the next
// line has its turn. It reports false if there is no room.
func (l *line) settle() bool {
	const part = 1024
	from, to := uint64(0), uint64(circumference)
	if previous := l.element.Prev(); previous != nil {
		from = previous.Value.(*line).position
	}
	if next := l.element.Next(); next != nil {
		to = next.Value.(*line).position
	}
	l.position = from + max((to-from)/part, 1)
	return l.position < to
}

// spread gives all lines the same room. It takes O(callers), but is rare: after thousands of new lines behind the same line,
// or after new lines in each of several rounds.
func (q *queue) spread() {
	room := circumference / uint64(q.circle.Len()+1)
	position := uint64(0)
	for element := q.circle.Front(); element != nil; element = element.Next() {
		position += room
		element.Value.(*line).position = position
	}
}

// pop takes out the next turn. The next turn of the same caller comes after a turn of every other caller.
func (q *queue) pop() *turn {
	next := q.places.first()
	t := next.line.turns.first()
	q.places.remove(next)
	next.line.round++
	q.leave(t, next.line)
	return t
}

// remove takes out a waiting turn.
func (q *queue) remove(t *turn) {
	l := q.lines[t.caller.Name]
	q.places.remove(place{l.round + l.turns.len() - 1, l})
	q.leave(t, l)
}

// leave takes the turn out of its line.
func (q *queue) leave(t *turn, l *line) {
	l.turns.remove(t)
	t.queued = false
	q.waiting--
	if l.turns.len() == 0 {
		q.circle.Remove(l.element)
		delete(q.lines, l.name)
	}
}

// ahead is how many turns of the class come before a waiting turn.
func (q *queue) ahead(t *turn) int {
	l := q.lines[t.caller.Name]
	return q.places.ahead(place{l.round + l.turns.ahead(t), l})
}

// excess is the turn that must go if t, the last turn of its line, is one too many: the last turn of the longest line, which
// is t if its own line is among the longest.
func (q *queue) excess(t *turn) *turn {
	longest, own := q.places.last().line, q.lines[t.caller.Name] // the last place of all belongs to a longest line
	if longest.turns.len() > own.turns.len() {
		return longest.turns.last()
	}
	return own.turns.last()
}
