package jasperclient

import "container/list"

// A queue is where the calls of one class wait. Callers take turns, and the calls of one caller are first come, first
// served: who asks a thousand things delays who asks one by a single turn.
type queue struct {
	ring    list.List                // of *line; the front one has the next turn
	lines   map[string]*list.Element // of ring, by the caller's name
	waiting int
}

// A line is what one caller waits for: never empty.
type line struct {
	name  string
	turns list.List // of *turn
}

// push puts the turn at the end or the head of its caller's line.
func (q *queue) push(t *turn, at rank) {
	place, ok := q.lines[t.caller.Name]
	if !ok {
		if q.lines == nil {
			q.lines = map[string]*list.Element{}
		}
		place = q.ring.PushBack(&line{name: t.caller.Name})
		q.lines[t.caller.Name] = place
	}
	l := place.Value.(*line)
	if at == atHead {
		t.place = l.turns.PushFront(t)
	} else {
		t.place = l.turns.PushBack(t)
	}
	q.waiting++
}

// pop takes out the next turn; its caller's next one comes after one of every other caller.
func (q *queue) pop() *turn {
	place := q.ring.Front()
	t := place.Value.(*line).turns.Front().Value.(*turn)
	q.ring.MoveToBack(place)
	q.remove(t)
	return t
}

// remove takes out a turn that waits.
func (q *queue) remove(t *turn) {
	place := q.lines[t.caller.Name]
	l := place.Value.(*line)
	l.turns.Remove(t.place)
	t.place = nil
	q.waiting--
	if l.turns.Len() == 0 {
		q.ring.Remove(place)
		delete(q.lines, l.name)
	}
}

// ahead is how many turns of the class come before one that waits.
func (q *queue) ahead(t *turn) int {
	own := q.lines[t.caller.Name]
	n := q.before(t)
	rounds := n + 1 // a line in front of the own one has one more turn than one behind
	for place := q.ring.Front(); place != nil; place = place.Next() {
		if place == own {
			rounds--
			continue
		}
		n += min(place.Value.(*line).turns.Len(), rounds)
	}
	return n
}

// before is how many turns come before one that waits in its caller's line.
func (q *queue) before(t *turn) int {
	n := q.length(t.caller.Name) - 1
	for later := t.place.Next(); later != nil; later = later.Next() { // mostly none: the question comes with the call
		n--
	}
	return n
}

// length is how many turns of the caller wait.
func (q *queue) length(name string) int {
	if place, ok := q.lines[name]; ok {
		return place.Value.(*line).turns.Len()
	}
	return 0
}

// excess is the turn to go where t is one too many: the last one of the longest line, which is t where its own is among
// the longest.
func (q *queue) excess(t *turn) *turn {
	longest := q.lines[t.caller.Name].Value.(*line)
	for place := q.ring.Front(); place != nil; place = place.Next() {
		if l := place.Value.(*line); l.turns.Len() > longest.turns.Len() {
			longest = l
		}
	}
	return longest.turns.Back().Value.(*turn)
}
