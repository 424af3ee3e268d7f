// Package workload is the user's document: which files, which command, on
// what pool, for how long, and what happens to the remains. It holds the
// document's types, defaults, validation, name templates and JSON Schema, and
// the report a run ends with. It knows neither Azure nor Temporal.
//
// The comments of the document's types are the descriptions in the schema, so
// they call fields as the document does; their tags are its constraints. Rules
// about several fields at once are in the files rules*.go. After a change of
// either: go generate ./workload.
package workload

//go:generate go run ./internal/schemagen schema.json

// Workload is one durabatch document: everything a run needs to know.
type Workload struct {
	// What people call this work: letters, digits and dashes. It begins the
	// names of everything the run creates.
	Name   string `json:"name" jsonschema:"pattern=^[A-Za-z0-9][A-Za-z0-9-]*$,maxLength=64"`
	Inputs Inputs `json:"inputs"`
	Pool   Pool   `json:"pool"`
	Job    Job    `json:"job,omitzero"`
	Task   Task   `json:"task"`
	// From the start of the run to the end of its last task.
	Timeout  Duration  `json:"timeout,omitzero" jsonschema:"default=30m"`
	Failures *Failures `json:"failures,omitempty"`
	Outputs  Outputs   `json:"outputs,omitzero"`
	Cleanup  Cleanup   `json:"cleanup,omitzero"`
	// A file that an earlier run of a workload of this name has done, with the same
	// content, command, image and toolVersion, is not run again.
	Reuse   bool     `json:"reuse,omitempty"`
	Redrive *Redrive `json:"redrive,omitempty"`
}

// Inputs says which files there are: a directory on the machine host, a
// container in the storage account, or a manifest. One of dir, container and
// manifest is set; container and manifest may both be.
type Inputs struct {
	// Walked recursively; symbolic links to directories are not followed.
	// Relative to the document's own directory.
	Dir string `json:"dir,omitempty" jsonschema:"minLength=1,maxLength=4096"`
	// Glob patterns. One without a slash is held against the file's base name,
	// one with a slash against its path below dir or prefix (** spans
	// directories). A file that matches any of them is an input.
	Match []string `json:"match,omitempty" jsonschema:"minItems=1,maxItems=100,maxLength=1024,default=*"`
	// A container that is read, never written or deleted.
	Container string `json:"container,omitempty" jsonschema:"pattern=^[a-z0-9]+(-[a-z0-9]+)*$,minLength=3,maxLength=63"`
	// A list of the files that you wrote, JSON Lines: on the machine host, relative
	// to the document's own directory, or, with container, a blob there. Each line
	// names a blob or a url, and may hold variables.
	Manifest string `json:"manifest,omitempty" jsonschema:"minLength=1,maxLength=4096"`
	// Limits container to blobs whose name begins with it.
	Prefix string `json:"prefix,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// The machine that inputs.dir, inputs.manifest and outputs.dir are on, as its own host name
	// says it. starter fills it in.
	Host string `json:"host,omitempty" jsonschema:"pattern=^[^\\s/@]+$,maxLength=253"`
}

// Pool is the pool to create or, when id is set, a pool of the user's own that
// is used as it is and never deleted; then only identity may be beside it.
type Pool struct {
	// An existing pool's id.
	ID string `json:"id,omitempty" jsonschema:"pattern=^[A-Za-z0-9_-]+$,maxLength=64"`
	// The resource id of a user-assigned managed identity that the pool id has.
	// Its nodes then reach Blob by it, and no address is signed for them.
	Identity string `json:"identity,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// The size of the virtual machines, as Azure calls it.
	VMSize string `json:"vmSize,omitempty" jsonschema:"pattern=^[A-Za-z0-9_-]+$,maxLength=64,example=Standard_A1_v2"`
	Image  Image  `json:"image,omitzero"`
	// The Batch node agent that fits the image. Linux only.
	NodeAgentSKU string `json:"nodeAgentSku,omitempty" jsonschema:"pattern=^batch\\.node\\.[A-Za-z0-9._ -]+$,maxLength=64,example=batch.node.ubuntu 24.04"`
	// How many nodes that are kept for this pool alone.
	DedicatedNodes int32 `json:"dedicatedNodes,omitempty" jsonschema:"minimum=0,maximum=10000"`
	// How many spot nodes: cheaper, and Azure may take them back at any time.
	SpotNodes int32 `json:"spotNodes,omitempty" jsonschema:"minimum=0,maximum=10000"`
	// How many slots for tasks a node has; Batch allows four for each core.
	TaskSlots int32 `json:"taskSlots,omitempty" jsonschema:"minimum=1,maximum=256,default=1"`
	// For how long the pool keeps its nodes after the last sign of life of its
	// run, ten minutes at least.
	Lease     Duration   `json:"lease,omitzero" jsonschema:"default=20m"`
	StartTask *StartTask `json:"startTask,omitempty"`
}

// Image is a marketplace image (publisher, offer, sku, version) or, when id is
// set, an Azure Compute Gallery image by its resource id.
type Image struct {
	// The resource id of an Azure Compute Gallery image, or of one version of it.
	ID        string `json:"id,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	Publisher string `json:"publisher,omitempty" jsonschema:"pattern=^[A-Za-z0-9._-]+$,maxLength=128"`
	Offer     string `json:"offer,omitempty" jsonschema:"pattern=^[A-Za-z0-9._-]+$,maxLength=128"`
	SKU       string `json:"sku,omitempty" jsonschema:"pattern=^[A-Za-z0-9._-]+$,maxLength=128"`
	Version   string `json:"version,omitempty" jsonschema:"pattern=^[A-Za-z0-9._-]+$,maxLength=128,default=latest"`
}

// StartTask is run by /bin/bash on every node that joins, before any task.
type StartTask struct {
	// Must bear to be run again on the same node.
	Command string `json:"command" jsonschema:"minLength=1,maxLength=32768"`
	// As an administrator.
	Elevated bool `json:"elevated,omitempty"`
	// How often it is run again when it exits with another code than 0.
	MaxRetries int32 `json:"maxRetries,omitempty" jsonschema:"minimum=0,maximum=100,default=0"`
	// Environment variables. Names that begin with AZ_BATCH_ are Batch's own.
	Environment map[string]string `json:"environment,omitempty"`
	// Files that are fetched before the command starts.
	ResourceFiles []ResourceFile `json:"resourceFiles,omitempty" jsonschema:"maxItems=200"`
}

// ResourceFile is put into the working directory before a command starts.
// Exactly one of url and container is set. A SAS in url is refused: the
// workload is kept in Temporal's history, where secrets have no place.
type ResourceFile struct {
	// An http or https address that needs no secret; path is required with it.
	URL string `json:"url,omitempty" jsonschema:"minLength=1,maxLength=2048"`
	// A container in the run's storage account. With blob, that one blob is
	// fetched to path (default: the blob's name); without, all blobs that begin
	// with prefix, below the directory path.
	Container string `json:"container,omitempty" jsonschema:"pattern=^[a-z0-9]+(-[a-z0-9]+)*$,minLength=3,maxLength=63"`
	Blob      string `json:"blob,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	Prefix    string `json:"prefix,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// Where the file, or the directory of files, goes, relative to the working
	// directory.
	Path string `json:"path,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// Octal, such as "0755". Batch's own default is 0770.
	Mode string `json:"mode,omitempty" jsonschema:"pattern=^0?[0-7][0-7][0-7]$,example=0755"`
}

// Job holds what belongs to all tasks together.
type Job struct {
	// Between jobs on one pool, the higher goes first.
	Priority int32 `json:"priority,omitempty" jsonschema:"minimum=-1000,maximum=1000,default=0"`
	// How many tasks run at the same time; 0: as many as the nodes have slots for.
	MaxParallelTasks int32 `json:"maxParallelTasks,omitempty" jsonschema:"minimum=0,maximum=1000000,default=0"`
	// The job's own maxWallClockTime, kept by Batch itself should everything of
	// ours be gone. Default: the run's timeout and ten minutes.
	Timeout Duration `json:"timeout,omitzero"`
}

// Task is what is done once for each file.
type Task struct {
	// Run by /bin/bash. Placeholders arrive in it shell-quoted: {{input}},
	// {{output}}, {{stem}}, {{name}}, {{ext}}, {{dir}}, {{index}}; with each:
	// group, {{inputs}} and {{outputs}}, one word for each file.
	Command string `json:"command" jsonschema:"minLength=1,maxLength=32768"`
	// The file the command writes for each input, relative to the input's own
	// directory unless it uses {{dir}}; {{output}} in command names it. Short for
	// one entry of outputs.
	Output string `json:"output,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// What the command leaves, when output does not say it all.
	Outputs []Output `json:"outputs,omitempty" jsonschema:"minItems=1,maxItems=50"`
	// How many files share one task, at most: for commands so short that a task
	// of Batch's for each costs more than they do.
	Files int32 `json:"files,omitempty" jsonschema:"minimum=1,maximum=1000,default=1"`
	// With files: whether the command is run once for each file, in order, or
	// once for the whole group.
	Each string `json:"each,omitempty" jsonschema:"enum=file,enum=group,default=file"`
	// Which version of its tools the command uses, in your own words: with reuse,
	// files are run again when it changes.
	ToolVersion string `json:"toolVersion,omitempty" jsonschema:"minLength=1,maxLength=256"`
	// How often a task, or with files a single file's command, that exits with
	// another code than 0 is run again.
	MaxRetries int32 `json:"maxRetries,omitempty" jsonschema:"minimum=0,maximum=100,default=0"`
	// Of one try. Default: none but the run's.
	Timeout Duration `json:"timeout,omitzero"`
	// How long the task's directory stays on the node. Default: 7 days, Batch's own.
	Retention Duration `json:"retention,omitzero"`
	// How many of a node's task slots one task takes.
	Slots int32 `json:"slots,omitempty" jsonschema:"minimum=1,maximum=256,default=1"`
	// As an administrator.
	Elevated bool `json:"elevated,omitempty"`
	// Environment variables. Names that begin with AZ_BATCH_ are Batch's own.
	Environment map[string]string `json:"environment,omitempty"`
	// Files that every task finds beside its input.
	ResourceFiles []ResourceFile `json:"resourceFiles,omitempty" jsonschema:"maxItems=200"`
}

// Output is one file or, by pattern, several files that a task leaves. Exactly
// one of file and pattern is set.
type Output struct {
	// May hold placeholders; relative to the input's own directory unless it
	// uses {{dir}}.
	File string `json:"file,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// A glob below the working directory: *, ?, [abc], **.
	Pattern string `json:"pattern,omitempty" jsonschema:"minLength=1,maxLength=1024"`
	// The directory that what pattern finds goes to, in the output container and
	// in outputs.dir. It may hold placeholders and must differ between inputs.
	To string `json:"to,omitempty" jsonschema:"minLength=1,maxLength=1024,default={{stem}}"`
	// Whether the output is kept only of a task that exits with code 0.
	When string `json:"when,omitempty" jsonschema:"enum=success,enum=always,default=success"`
}

// Outputs says where outputs are fetched to when the run has them all.
type Outputs struct {
	// A directory on the machine inputs.host, relative to the document's own.
	// Default: outputs stay in the output container only.
	Dir string `json:"dir,omitempty" jsonschema:"minLength=1,maxLength=4096"`
}

// Cleanup says what happens to job and pool when the tasks are done.
type Cleanup struct {
	// Whether a person is asked first.
	When string `json:"when,omitempty" jsonschema:"enum=approval,enum=always,enum=never,default=approval"`
	// How long the run waits for the approval.
	Deadline Duration `json:"deadline,omitzero" jsonschema:"default=24h"`
	// What happens when nobody answers.
	OnDeadline string `json:"onDeadline,omitempty" jsonschema:"enum=delete,enum=keep,default=delete"`
}

// Redrive names a run that ended, of which this run does what failed or never
// finished, and nothing else. starter redrive fills it in.
type Redrive struct {
	// The workflow id of that run.
	WorkflowID string `json:"workflowId" jsonschema:"minLength=1,maxLength=1000"`
	// Its first run id.
	RunID string `json:"runId" jsonschema:"pattern=^[A-Za-z0-9-]+$,maxLength=64"`
	// The pool that it created, to be taken over where it still stands. Default:
	// the one that bears its name.
	Pool string `json:"pool,omitempty" jsonschema:"pattern=^[A-Za-z0-9_-]+$,maxLength=64"`
	// The container that it uploaded its inputs to, to be taken over where it still
	// stands. Default: the one that bears its name.
	InputContainer string `json:"inputContainer,omitempty" jsonschema:"pattern=^[a-z0-9]+(-[a-z0-9]+)*$,minLength=3,maxLength=63"`
}

// The values of Task.Each, Output.When, Cleanup.When and Cleanup.OnDeadline.
const (
	EachFile  = "file"
	EachGroup = "group"

	OutputOnSuccess = "success"
	OutputAlways    = "always"

	CleanupOnApproval = "approval"
	CleanupAlways     = "always"
	CleanupNever      = "never"

	OnDeadlineDelete = "delete"
	OnDeadlineKeep   = "keep"
)
