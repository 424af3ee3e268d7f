package workload

import "time"

// Outcome is how a run ended.
type Outcome string

// The outcomes of a run.
const (
	Succeeded             Outcome = "Succeeded"             // every task succeeded
	SucceededWithFailures Outcome = "SucceededWithFailures" // tasks failed, not more than failures.tolerate allows
	Failed                Outcome = "Failed"                // a task failed, or the run could not do its work
	TimedOut              Outcome = "TimedOut"              // the run's timeout came first
	Cancelled             Outcome = "Cancelled"             // somebody cancelled the run
)

// Good says whether the run did what was asked of it.
func (o Outcome) Good() bool { return o == Succeeded || o == SucceededWithFailures }

// Input is one file of the run as the list and the manifest keep it: one line
// of JSON Lines in Blob.
type Input struct {
	Index   int64     `json:"index"`            // from 0; names the task
	Name    string    `json:"name"`             // the true name: a slash-separated path below Inputs.Dir or Inputs.Prefix
	Blob    string    `json:"blob"`             // the blob that holds it, see BlobName
	Size    int64     `json:"size"`             // bytes
	ModTime time.Time `json:"modTime,omitzero"` // of a local file when it was listed
	MD5     []byte    `json:"md5,omitempty"`    // of the content, in the manifest; base64 in JSON
	// Of an item of a manifest that the user wrote: where it is, and its variables.
	Container string            `json:"container,omitempty"` // empty: the run's own, or inputs.container
	URL       string            `json:"url,omitempty"`       // instead of a blob
	Vars      map[string]string `json:"vars,omitempty"`
	// Earlier is its result in a run before this one, which does not run it again.
	Earlier *Result `json:"earlier,omitempty"`
	// With reuse: what its result is made of, and why no earlier one is used.
	Made *Made  `json:"made,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Made is what a result is made of: two with the same are the same.
type Made struct {
	Size        int64  `json:"size"`
	MD5         []byte `json:"md5,omitempty"` // of the input's content
	Command     string `json:"command"`       // hash of the command as it is run, its outputs, environment and resource files
	Image       string `json:"image"`
	ToolVersion string `json:"toolVersion,omitempty"`
}

// Result is what became of one input: one line of JSON Lines in Blob.
type Result struct {
	Index    int64        `json:"index"`
	Name     string       `json:"name"`   // the input's true name
	TaskID   string       `json:"taskId"` // others may share it, see Task.Files
	State    string       `json:"state"`  // succeeded, failed or unfinished
	ExitCode *int32       `json:"exitCode,omitempty"`
	Attempts int32        `json:"attempts"` // how often the command was started, by what Batch counts
	Node     string       `json:"node,omitempty"`
	Started  time.Time    `json:"started,omitzero"`
	Ended    time.Time    `json:"ended,omitzero"`
	Outputs  []OutputBlob `json:"outputs,omitempty"`
	Failure  *Failure     `json:"failure,omitempty"`
	Logs     string       `json:"logs,omitempty"` // prefix in the output container of stdout.txt and stderr.txt
	// Of a file that shared its task with others: where in those two what its
	// own command wrote is. Absent: it is not known, or all of it is.
	Stdout *Span `json:"stdout,omitempty"`
	Stderr *Span `json:"stderr,omitempty"`
	// Earlier is the run that the result is of, when it is of a run before this one.
	Earlier *Earlier `json:"earlier,omitempty"`
	// With reuse: what it is made of, and why no earlier result was used.
	Made *Made  `json:"made,omitempty"`
	Why  string `json:"why,omitempty"`
}

// Earlier is a run before this one that did what this one does not do again.
type Earlier struct {
	WorkflowID string `json:"workflowId"`
	Container  string `json:"container"` // its output container, which holds the result's outputs and logs
}

// Span is a part of a blob, in bytes: from the one, up to and without the other.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// The values of Result.State.
const (
	TaskSucceeded  = "succeeded"
	TaskFailed     = "failed"
	TaskUnfinished = "unfinished"
)

// OutputBlob is one output of a task.
type OutputBlob struct {
	Name string `json:"name"` // slash-separated path below Outputs.Dir
	Blob string `json:"blob"` // in the output container
	Size int64  `json:"size"` // bytes
	MD5  []byte `json:"md5,omitempty"`
}

// Failure says why a file's task, or the whole run, did not succeed.
type Failure struct {
	Name     string `json:"name,omitempty"` // the input's true name; empty: the run itself
	TaskID   string `json:"taskId,omitempty"`
	Code     string `json:"code"` // Batch's own code where it gave one
	Message  string `json:"message"`
	ExitCode *int32 `json:"exitCode,omitempty"`
	Node     string `json:"node,omitempty"`
	Stderr   string `json:"stderr,omitempty"` // its last lines
	Logs     string `json:"logs,omitempty"`   // of a start task: prefix in the output container of its stdout.txt and stderr.txt
}

// Counts are tasks by state.
type Counts struct {
	Total      int64 `json:"total"`
	Active     int64 `json:"active"` // waiting for a node
	Running    int64 `json:"running"`
	Succeeded  int64 `json:"succeeded"`
	Failed     int64 `json:"failed"`
	Unfinished int64 `json:"unfinished,omitempty"` // terminated or never run, once the run is over
}

// Completed is how many tasks Batch is done with.
func (c Counts) Completed() int64 { return c.Succeeded + c.Failed }

// Progress is what a long activity says of itself in its heartbeat: state of
// the server's that stays readable with every worker dead.
type Progress struct {
	Step  string `json:"step"`            // scan, upload, submit, wait, gather or fetch
	Files int64  `json:"files,omitempty"` // done, in the order of the list
	Total int64  `json:"total,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	Part  int    `json:"part,omitempty"` // first part that is not done yet: where to resume
	// Of the tasks; of the wait and, as far as they are written, of the results.
	Counts Counts `json:"counts,omitzero"`
	// Of the wait alone.
	Nodes  map[string]int32 `json:"nodes,omitempty"`  // by node state
	Reason string           `json:"reason,omitempty"` // why nothing moves, when nothing does
	// NodeTime is counted for a pool of the run's own.
	NodeTime NodeTime `json:"nodeTime,omitzero"`
	// Failures are the newest, five at most, oldest first; Stderr is the last
	// line alone.
	Failures []Failure `json:"failures,omitempty"`
}

// NodeTime is how long nodes were there, which is what a pool costs: in hours,
// of all nodes together, as seen at the looks of the wait. It begins with the
// wait and ends with it, so that it is a little less than what is paid for.
type NodeTime struct {
	VMSize    string    `json:"vmSize,omitempty"`
	Dedicated float64   `json:"dedicatedHours,omitempty"`
	Spot      float64   `json:"spotHours,omitempty"`
	Until     time.Time `json:"until,omitzero"` // the last look
}

// Report is what a run ends with.
type Report struct {
	WorkflowID string    `json:"workflowId"`
	RunID      string    `json:"runId"`
	Name       string    `json:"name"`
	Outcome    Outcome   `json:"outcome"`
	Verdict    string    `json:"verdict"` // one sentence for people
	Files      int64     `json:"files"`
	Bytes      int64     `json:"bytes"` // of input
	Counts     Counts    `json:"counts"`
	Failures   []Failure `json:"failures,omitempty"` // the first 20; all are in the results
	Earlier    int64     `json:"earlier,omitempty"`  // of the tasks that succeeded, those that runs before this one did
	Parent     string    `json:"parent,omitempty"`   // workflow id of the run that this one is a redrive of
	Results    string    `json:"results,omitempty"`  // prefix of the results' parts in the output container
	Resources  Resources `json:"resources"`
	NodeTime   NodeTime  `json:"nodeTime,omitzero"` // of a pool of the run's own
	Left       []string  `json:"left,omitempty"`    // what still exists of what the run created, but the output container, and what it costs
	Notes      []string  `json:"notes,omitempty"`   // what did not go as asked without changing the outcome
	Started    time.Time `json:"started"`
	Ended      time.Time `json:"ended"`
}

// ReportBlob is the report for people in the output container, one HTML file,
// and ReportFile its name beside the outputs.
const (
	ReportBlob = Reserved + "report.html"
	ReportFile = "durabatch-report.html"
)

// Resources are the names of what the run created or used.
type Resources struct {
	Pool            string `json:"pool"`
	Job             string `json:"job"`
	InputContainer  string `json:"inputContainer"`
	OutputContainer string `json:"outputContainer"`
}
