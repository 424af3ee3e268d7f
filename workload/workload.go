// Package workload is the user's document: which files, which command, on
// what pool, for how long, and what happens to the remains. It holds the
// document's types, defaults, validation, name templates and JSON Schema, and
// the report a run ends with. It knows neither Azure nor Temporal.
package workload

// Workload is one document: everything a run needs to know.
type Workload struct {
	// Name is what people call this work: letters, digits, dashes; it begins
	// the names of everything the run creates.
	Name    string   `json:"name"`
	Inputs  Inputs   `json:"inputs"`
	Pool    Pool     `json:"pool"`
	Job     Job      `json:"job,omitzero"`
	Task    Task     `json:"task"`
	Timeout Duration `json:"timeout,omitzero"` // from the start of the run to the end of its last task; default 30m
	Outputs Outputs  `json:"outputs,omitzero"`
	Cleanup Cleanup  `json:"cleanup,omitzero"`
}

// Inputs says which files there are: a directory on the machine Host, or a
// container in the storage account. Exactly one of Dir and Container is set.
type Inputs struct {
	// Dir is walked recursively; symbolic links to directories are not followed.
	Dir string `json:"dir,omitempty"`
	// Match holds glob patterns. One without a slash is held against the file's
	// base name, one with a slash against its path below Dir (** spans
	// directories). A file that matches any of them is an input. Default: ["*"].
	Match []string `json:"match,omitempty"`
	// Container is read, never written or deleted.
	Container string `json:"container,omitempty"`
	// Prefix limits Container to blobs whose name begins with it.
	Prefix string `json:"prefix,omitempty"`
	// Host is the machine that Dir and Outputs.Dir are on; starter fills it in.
	Host string `json:"host,omitempty"`
}

// Pool is the pool to create or, when ID is set, the pool of the user's own
// that is used as it is and never deleted; then no other field may be set.
type Pool struct {
	ID             string     `json:"id,omitempty"`
	VMSize         string     `json:"vmSize,omitempty"`
	Image          Image      `json:"image,omitzero"`
	NodeAgentSKU   string     `json:"nodeAgentSku,omitempty"`
	DedicatedNodes int32      `json:"dedicatedNodes,omitempty"`
	SpotNodes      int32      `json:"spotNodes,omitempty"`
	TaskSlots      int32      `json:"taskSlots,omitempty"` // per node; default 1, at most 256
	StartTask      *StartTask `json:"startTask,omitempty"`
}

// Image is a marketplace image (Publisher, Offer, SKU, Version) or, when ID is
// set, an Azure Compute Gallery image by its resource id.
type Image struct {
	ID        string `json:"id,omitempty"`
	Publisher string `json:"publisher,omitempty"`
	Offer     string `json:"offer,omitempty"`
	SKU       string `json:"sku,omitempty"`
	Version   string `json:"version,omitempty"` // default latest
}

// StartTask is run by the shell on every node that joins, before any task.
type StartTask struct {
	Command       string            `json:"command"`
	Elevated      bool              `json:"elevated,omitempty"` // as an administrator
	MaxRetries    int32             `json:"maxRetries,omitempty"`
	Environment   map[string]string `json:"environment,omitempty"`
	ResourceFiles []ResourceFile    `json:"resourceFiles,omitempty"`
}

// ResourceFile is put into the working directory before a command starts.
// Exactly one of URL and Container is set. A SAS in URL is refused: the
// workload is kept in Temporal's history, where secrets have no place.
type ResourceFile struct {
	// URL is an http or https address that needs no secret. Path is required.
	URL string `json:"url,omitempty"`
	// Container is in the run's storage account. With Blob, that one blob is
	// fetched to Path (default: the blob's name); without, all blobs that begin
	// with Prefix, below the directory Path.
	Container string `json:"container,omitempty"`
	Blob      string `json:"blob,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
	// Path is where the file, or the directory of files, goes, relative to the
	// working directory.
	Path string `json:"path,omitempty"`
	// Mode is octal, such as "0755"; default: Batch's own, 0770.
	Mode string `json:"mode,omitempty"`
}

// Job holds what belongs to all tasks together.
type Job struct {
	Priority         int32 `json:"priority,omitempty"`         // -1000 to 1000; default 0
	MaxParallelTasks int32 `json:"maxParallelTasks,omitempty"` // default 0: no limit but the nodes
	// Timeout is the job's own maxWallClockTime, kept by Batch itself should
	// everything of ours be gone. Default: the run's timeout and ten minutes.
	Timeout Duration `json:"timeout,omitzero"`
}

// Task is what is done once for each file.
type Task struct {
	// Command is run by /bin/bash. Placeholders arrive in it shell-quoted.
	Command string `json:"command"`
	// Output is the file the command writes for each input, relative to the
	// input's own directory unless it uses {{dir}}; {{output}} in Command names
	// it. Short for one entry of Outputs.
	Output  string   `json:"output,omitempty"`
	Outputs []Output `json:"outputs,omitempty"`
	// MaxRetries is how often a task that exits with another code than 0 is
	// run again. Default 0.
	MaxRetries    int32             `json:"maxRetries,omitempty"`
	Timeout       Duration          `json:"timeout,omitzero"`   // of one try; default: none but the run's
	Retention     Duration          `json:"retention,omitzero"` // how long its directory stays on the node; default 7 days, Batch's own
	Slots         int32             `json:"slots,omitempty"`    // of a node's task slots; default 1
	Elevated      bool              `json:"elevated,omitempty"`
	Environment   map[string]string `json:"environment,omitempty"`
	ResourceFiles []ResourceFile    `json:"resourceFiles,omitempty"` // beside the input file, for every task
}

// Output is one file or, by pattern, several files that a task leaves.
// Exactly one of File and Pattern is set.
type Output struct {
	// File may hold placeholders; relative to the input's own directory unless
	// it uses {{dir}}.
	File string `json:"file,omitempty"`
	// Pattern is a glob below the working directory: *, ?, [abc], **.
	Pattern string `json:"pattern,omitempty"`
	// To is the directory that what Pattern finds goes to, in the output
	// container and in Outputs.Dir. It may hold placeholders and must differ
	// between inputs. Default: "{{stem}}".
	To string `json:"to,omitempty"`
	// When is "success" (default) or "always".
	When string `json:"when,omitempty"`
}

// Outputs says where outputs are fetched to when the run has them all.
type Outputs struct {
	Dir string `json:"dir,omitempty"` // on the machine Inputs.Host; default: they stay in the output container only
}

// Cleanup says what happens to job and pool when the tasks are done.
type Cleanup struct {
	When       string   `json:"when,omitempty"`       // approval (default), always or never
	Deadline   Duration `json:"deadline,omitzero"`    // of the approval; default 24h
	OnDeadline string   `json:"onDeadline,omitempty"` // delete (default) or keep
}

// The values of Output.When, Cleanup.When and Cleanup.OnDeadline.
const (
	OutputOnSuccess = "success"
	OutputAlways    = "always"

	CleanupOnApproval = "approval"
	CleanupAlways     = "always"
	CleanupNever      = "never"

	OnDeadlineDelete = "delete"
	OnDeadlineKeep   = "keep"
)
