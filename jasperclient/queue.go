package jasperclient

import "container/list"

// A queue is where the calls of one class wait. Callers take turns, and the calls of one caller are first come, first
// served: who asks a thousand things delays who asks one by a single turn.
//
// The lines of the callers stand in a circle, which is gone round and round. So the order of all turns is known, as far as
// it goes: by the round, and in a round by the line. Every step of a caller's costs O(log n) of those who wait, whoever they are.
type queue struct {
	waiting int
	lines   map[string]*line
	circle  list.List   // of *line, in the order of their positions
	places  tree[place] // one for each turn that waits

	head, tail int // the numbers of the turns that came first and last
}

// A line is what one caller waits for: never empty.
type line struct {
	name     string
	turns    tree[*turn]
	round    int    // in which its first turn comes
	position uint64 // in the circle
	element  *list.Element
}

// A place is where one turn of a line comes among all turns: not whose, so that those who stand behind one that leaves keep
// theirs but for the last.
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

// before is the order in a line.
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

// open begins a line, behind all others: just before the one that is next, in the next round.
func (q *queue) open(name string) *line {
	if q.lines == nil {
		q.lines = map[string]*line{}
	}
	l := &line{name: name}
	q.lines[name] = l
	if q.waiting == 0 {
		l.element = q.circle.PushBack(l)
	} else if next := q.places.first(); next.line.element == q.circle.Front() { // where the circle is cut, a round ends
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

// settle gives the line a position between its neighbours', and leaves most of the room for those who come until it is the
// next line's turn; false where there is no room.
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

// spread gives all lines the same room. It is O(callers), but seldom: after a thousand have come behind the same line, or
// after the circle was gone round several times.
func (q *queue) spread() {
	room := circumference / uint64(q.circle.Len()+1)
	position := uint64(0)
	for element := q.circle.Front(); element != nil; element = element.Next() {
		position += room
		element.Value.(*line).position = position
	}
}

// pop takes out the next turn; its caller's next one comes after one of every other caller.
func (q *queue) pop() *turn {
	next := q.places.first()
	t := next.line.turns.first()
	q.places.remove(next)
	next.line.round++
	q.leave(t, next.line)
	return t
}

// remove takes out a turn that waits.
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

// ahead is how many turns of the class come before one that waits.
func (q *queue) ahead(t *turn) int {
	l := q.lines[t.caller.Name]
	return q.places.ahead(place{l.round + l.turns.ahead(t), l})
}

// before is how many turns come before one that waits in its caller's line.
func (q *queue) before(t *turn) int { return q.lines[t.caller.Name].turns.ahead(t) }

// length is how many turns of the caller wait.
func (q *queue) length(name string) int {
	if l, ok := q.lines[name]; ok {
		return l.turns.len()
	}
	return 0
}

// excess is the turn to go where t is one too many: the last one of the longest line, which is t where its own is among
// the longest.
func (q *queue) excess(t *turn) *turn {
	longest, own := q.places.last().line, q.lines[t.caller.Name] // the last place of all is that of a longest line
	if longest.turns.len() > own.turns.len() {
		return longest.turns.last()
	}
	return own.turns.last()
}
