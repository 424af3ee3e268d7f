package workload

import (
	"strings"
	"unicode/utf8"
)

// nearest is the candidate that word was probably meant to be, or "".
func nearest(word string, candidates []string) string {
	n := NewNearest(word)
	for _, c := range candidates {
		n.Add(c)
	}
	return n.Best()
}

// Nearest finds, among candidates that come one by one, the one that a word
// was probably meant to be.
type Nearest struct {
	word, best string
	letters    int // of the word
	distance   int // of the best, or the least that is too far
}

// NewNearest looks for what word was meant to be.
func NewNearest(word string) *Nearest {
	letters := utf8.RuneCountInString(word)
	return &Nearest{word: strings.ToLower(word), letters: letters, distance: 1 + max(1, letters/3)}
}

// Add looks at one more candidate.
func (n *Nearest) Add(candidate string) {
	if d := utf8.RuneCountInString(candidate) - n.letters; d >= n.distance || -d >= n.distance {
		return
	}
	if d := distance(n.word, strings.ToLower(candidate)); d < n.distance {
		n.best, n.distance = candidate, d
	}
}

// Best is the nearest candidate so far, or "" where none is near.
func (n *Nearest) Best() string { return n.best }

// distance is the number of letters to insert, delete, replace or swap with
// their neighbour to make b of a. Words over 64 bytes are beyond typing errors.
func distance(a, b string) int {
	const far = 1 << 10
	if len(a) > 64 || len(b) > 64 {
		return far
	}
	x, y := []rune(a), []rune(b)
	older, old, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(y)]
}
