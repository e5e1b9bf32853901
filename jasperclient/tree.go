package jasperclient

import "math/rand/v2"

// A tree holds items in order and counts how many come before an item. It is a treap, a binary tree that random priorities
// keep low, so that its methods can be expected to take O(log n) steps.
type tree[T ordered[T]] struct{ root *node[T] }

// ordered is a type that has an order.
type ordered[T any] interface{ before(T) bool }

type node[T any] struct {
	item        T
	left, right *node[T]
	priority    uint32
	size        int32 // of the tree below, including this node
}

func (n *node[T]) len() int {
	if n == nil {
		return 0
	}
	return int(n.size)
}

// with is the node with other children.
func (n *node[T]) with(left, right *node[T]) *node[T] {
	n.left, n.right = left, right
	n.size = int32(left.len() + 1 + right.len())
	return n
}

func (t *tree[T]) len() int { return t.root.len() }

func (t *tree[T]) insert(item T) {
	earlier, later := split(t.root, item)
	added := &node[T]{item: item, priority: rand.Uint32(), size: 1}
	t.root = join(join(earlier, added), later)
}

func (t *tree[T]) remove(item T) { t.root = without(t.root, item) }

// ahead is how many items come before the given one.
func (t *tree[T]) ahead(item T) int {
	ahead := 0
	for n := t.root; n != nil; {
		if n.item.before(item) {
			ahead += n.left.len() + 1
			n = n.right
		} else {
			n = n.left
		}
	}
	return ahead
}

// first is the first item; the tree must not be empty.
func (t *tree[T]) first() T {
	n := t.root
	for n.left != nil {
		n = n.left
	}
	return n.item
}

// last is the last item; the tree must not be empty.
func (t *tree[T]) last() T {
	n := t.root
	for n.right != nil {
		n = n.right
	}
	return n.item
}

// split separates the items before the given one from the others.
func split[T ordered[T]](n *node[T], item T) (earlier, later *node[T]) {
	if n == nil {
		return nil, nil
	}
	if n.item.before(item) {
		right, later := split(n.right, item)
		return n.with(n.left, right), later
	}
	earlier, left := split(n.left, item)
	return earlier, n.with(left, n.right)
}

// join makes one tree of two; all items of the first must come before all items of the second.
func join[T any](earlier, later *node[T]) *node[T] {
	switch {
	case earlier == nil:
		return later
	case later == nil:
		return earlier
	case earlier.priority > later.priority:
		return earlier.with(earlier.left, join(earlier.right, later))
	}
	return later.with(join(earlier, later.left), later.right)
}

// without is the tree without the item, whether or not it had it.
func without[T ordered[T]](n *node[T], item T) *node[T] {
	switch {
	case n == nil:
		return nil
	case n.item.before(item):
		return n.with(n.left, without(n.right, item))
	case item.before(n.item):
		return n.with(without(n.left, item), n.right)
	}
	return join(n.left, n.right)
}
