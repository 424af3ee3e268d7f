package localbatch

import "sync"

// registry is what runs in this process, by its keys. Entries are added and
// removed within changes.
type registry[K comparable, V any] struct {
	mu    sync.Mutex
	byKey map[K]V
}

func (g *registry[K, V]) add(key K, entry V) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byKey == nil {
		g.byKey = map[K]V{}
	}
	g.byKey[key] = entry
}

func (g *registry[K, V]) remove(key K) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.byKey, key)
}

// at is the entry of a key; the zero value: there is none.
func (g *registry[K, V]) at(key K) V {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.byKey[key]
}

// where lists the entries that match.
func (g *registry[K, V]) where(match func(V) bool) []V {
	g.mu.Lock()
	defer g.mu.Unlock()
	var found []V
	for _, entry := range g.byKey {
		if match(entry) {
			found = append(found, entry)
		}
	}
	return found
}
