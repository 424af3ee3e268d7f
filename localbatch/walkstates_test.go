package localbatch_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/stretchr/testify/require"
)

// walkStates are the states there are, and what each can become; "" is before
// a resource is created, and after it is gone. (Batch REST reference: the
// enumerations of states, and what it says of each operation.) When the service
// is started again, its nodes are as after a reboot.
var walkStates = map[string]map[string]string{
	"pool": {
		"":         "active",
		"active":   "deleting",
		"deleting": "gone",
	},
	"allocation": {
		"":         "resizing steady",
		"resizing": "steady stopping gone",
		"steady":   "resizing gone",
		"stopping": "steady resizing gone",
	},
	"job": {
		"":            "active",
		"active":      "disabling terminating deleting",
		"disabling":   "disabled enabling terminating deleting",
		"disabled":    "enabling disabling terminating deleting",
		"enabling":    "active terminating deleting",
		"terminating": "completed deleting",
		"completed":   "deleting",
		"deleting":    "gone",
	},
	"schedule": {
		"":            "active",
		"active":      "disabled completed terminating deleting",
		"disabled":    "active completed terminating deleting",
		"terminating": "completed deleting",
		"completed":   "deleting",
		"deleting":    "gone",
	},
	"task": {
		"":          "active",
		"active":    "preparing running completed gone",
		"preparing": "active running completed",
		"running":   "active completed",
		"completed": "active gone",
	},
	"node": {
		"":                    "creating",
		"creating":            "starting leavingpool",
		"starting":            "waitingforstarttask idle offline leavingpool rebooting deallocating",
		"waitingforstarttask": "starting idle running offline starttaskfailed rebooting deallocating leavingpool",
		"idle":                "starting running offline rebooting deallocating leavingpool",
		"running":             "starting idle offline rebooting deallocating leavingpool",
		"offline":             "starting idle running rebooting deallocating leavingpool",
		"starttaskfailed":     "starting rebooting deallocating leavingpool",
		"rebooting":           "starting leavingpool",
		"deallocating":        "deallocated leavingpool",
		"deallocated":         "starting leavingpool",
		"leavingpool":         "idle running offline gone", // back where it was, when its resize is stopped or runs out of time
	},
}

// watcher is told by the service's database of every state that a resource
// comes to be in, even for a moment.
type watcher struct {
	*world
	db   *sql.DB
	mu   sync.Mutex
	last int64
	seen map[string]int
}

func (w *world) watch() *watcher {
	w.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(w.dir, "batch.db")+"?_pragma=busy_timeout(20000)")
	require.NoError(w.t, err)
	w.t.Cleanup(func() { require.NoError(w.t, db.Close()) })
	_, err = db.Exec("CREATE TABLE transitions (kind TEXT, key INTEGER, old TEXT, new TEXT)")
	require.NoError(w.t, err)
	for _, kind := range []struct{ name, table, state string }{
		{"pool", "pools", "json_extract(CAST(%s.body AS TEXT), '$.state')"},
		{"allocation", "pools", "json_extract(CAST(%s.body AS TEXT), '$.allocationState')"},
		{"job", "jobs", "%s.state"}, {"schedule", "schedules", "%s.state"}, {"task", "tasks", "%s.state"}, {"node", "nodes", "%s.state"},
	} {
		before, after := fmt.Sprintf(kind.state, "old"), fmt.Sprintf(kind.state, "new")
		for event, row := range map[string][3]string{
			"INSERT": {"new", "''", after},
			"UPDATE": {"new", before, after},
			"DELETE": {"old", before, "'gone'"},
		} {
			_, err := db.Exec(fmt.Sprintf(`CREATE TRIGGER walk_%s_%s AFTER %s ON %s WHEN %s <> %s BEGIN
				INSERT INTO transitions VALUES ('%s', %s.key, %s, %s); END`,
				kind.name, event, event, kind.table, row[1], row[2], kind.name, row[0], row[1], row[2]))
			require.NoError(w.t, err)
		}
	}
	return &watcher{world: w, db: db, seen: map[string]int{}}
}

// check says which of the transitions since the last call there may not be.
// Tasks go with their job in any state.
func (h *watcher) check() (wrong []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rows, err := h.db.Query("SELECT rowid, kind, key, old, new FROM transitions WHERE rowid > ? ORDER BY rowid", h.last)
	if err != nil {
		return []string{err.Error()}
	}
	defer rows.Close()
	for rows.Next() {
		var key int64
		var kind, before, after string
		if err := rows.Scan(&h.last, &kind, &key, &before, &after); err != nil {
			return append(wrong, err.Error())
		}
		h.seen[kind+" "+before+" -> "+after]++
		allowed := strings.Fields(walkStates[kind][before])
		if kind == "task" {
			allowed = append(allowed, "gone")
		}
		if !strings.Contains(" "+strings.Join(allowed, " ")+" ", " "+after+" ") {
			wrong = append(wrong, fmt.Sprintf("%s %d: %q -> %q", kind, key, before, after))
		}
	}
	if err := rows.Err(); err != nil {
		wrong = append(wrong, err.Error())
	}
	return wrong
}
