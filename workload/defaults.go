package workload

import "time"

// The defaults, as the schema states them.
const (
	DefaultTimeout  = Duration(30 * time.Minute)
	DefaultDeadline = Duration(24 * time.Hour)
	DefaultLease    = Duration(20 * time.Minute)

	defaultTo = "{{stem}}"
)

// applyDefaults fills in what the document leaves out. It leaves alone what
// would be refused beside what is set, so that its result can be parsed again.
func (w *Workload) applyDefaults() {
	if len(w.Inputs.Match) == 0 && w.Inputs.Manifest == "" {
		w.Inputs.Match = []string{"*"}
	}
	if w.Timeout == 0 {
		w.Timeout = DefaultTimeout
	}
	w.Pool.applyDefaults()
	w.Task.applyDefaults()
	w.Cleanup.applyDefaults()
	if w.Failures != nil && w.Failures.OnExceeded == "" {
		w.Failures.OnExceeded = OnExceededStop
	}
}

func (p *Pool) applyDefaults() {
	if p.ID != "" {
		return
	}
	if p.TaskSlots == 0 {
		p.TaskSlots = 1
	}
	if p.Lease == 0 {
		p.Lease = DefaultLease
	}
	if p.Image.ID == "" && p.Image.Version == "" {
		p.Image.Version = "latest"
	}
}

func (t *Task) applyDefaults() {
	if t.Slots == 0 {
		t.Slots = 1
	}
	for i := range t.Outputs {
		t.Outputs[i].applyDefaults()
	}
}

func (o *Output) applyDefaults() {
	if o.When == "" {
		o.When = OutputOnSuccess
	}
	if o.Pattern != "" && o.To == "" {
		o.To = defaultTo
	}
}

func (c *Cleanup) applyDefaults() {
	if c.When == "" {
		c.When = CleanupOnApproval
	}
	if c.When != CleanupOnApproval {
		return
	}
	if c.Deadline == 0 {
		c.Deadline = DefaultDeadline
	}
	if c.OnDeadline == "" {
		c.OnDeadline = OnDeadlineDelete
	}
}
