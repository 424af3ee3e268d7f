// Package node does what an Azure Batch compute node does for one task: it
// makes the task's directory, fetches its resource files, runs its command
// line in a process group of its own, uploads its output files, and says what
// came of it in Batch's words. It runs on Linux and macOS.
//
// It knows nothing of pools, jobs, retries or states: whoever calls
// [Machine.Run] decides when a task runs and what its result means.
package node

import "time"

// Task is one command to run in a directory of its own.
type Task struct {
	// Dir is the task's root directory, absolute. stdout.txt, stderr.txt and
	// wd, the working directory, are made below it; what an earlier try left
	// there is removed first. Other files in Dir stay.
	Dir string
	// CommandLine is split into a program and its arguments by POSIX quoting
	// rules. No shell sees it and nothing in it is expanded (Batch REST
	// reference, "commandLine").
	CommandLine string
	// Environment holds NAME=value entries: the AZ_BATCH_ variables and the
	// user's. Of two with one name the last counts. The process gets these; PATH,
	// HOME (the working directory), LANG, USER and AZ_BATCH_TASK_WORKING_DIR where
	// they are missing; AZ_BATCH_TASK_DIR, which is always Dir; and nothing of the
	// service's own environment.
	Environment   []string
	ResourceFiles []ResourceFile
	OutputFiles   []OutputFile
	// MaxWallClock bounds the time from the start of the first download to the
	// end of the process. 0: none.
	MaxWallClock time.Duration
	// User is the operating-system user that the process runs as; empty: the
	// service's own. Another user than that takes a service that runs as root,
	// and a task's directory that the user can reach: those of the directories
	// from Base down to it that belong to the service are opened to be passed
	// through. The task's directory becomes the user's.
	User string
	Base string
	// UserIDs are the numbers of User, of whom the operating system need not know
	// then. Default: those of its user of that name.
	UserIDs *UserIDs
	// Certificates is a directory whose files are copied to CertificatesDir in
	// Dir before the command starts, where nobody but its user can read them.
	Certificates string
	// Container is what the task runs in; nil: the machine itself.
	Container *Container
	// Refusal is why the task cannot run at all, which its caller knows.
	Refusal *Failure
	// Elevated asks for administrator rights. A service that runs as root gives
	// them to every task. One that does not refuses an elevated task, unless
	// Options.WaiveElevation: it never starts, and says why in its failure and in
	// stderr.txt.
	Elevated bool
	// Services marks a task that may leave services running, such as a start task
	// that mounts a file system, or a job's preparation task: what it starts in a
	// session of its own stays. [EndOrphansBelow] ends it with the node or the job.
	Services bool
	// Coordination marks an instance of a multi-instance task. A CommandLine that
	// is empty makes it a subtask, whose exit code is its coordination command's.
	Coordination *Coordination
}

// UserIDs are the numbers of a user and of its group.
type UserIDs struct{ UID, GID uint32 }

// ResourceFile is put into the working directory before the command starts.
// Exactly one of HTTPURL, ContainerURL and AutoStorageContainer is set.
type ResourceFile struct {
	// HTTPURL is one file at an http or https address. FilePath is required.
	HTTPURL string
	// ContainerURL is a blob container, with a SAS that may read and list
	// unless it is public. All its blobs whose names begin with BlobPrefix are
	// fetched, each to its whole name below the directory FilePath.
	ContainerURL string
	BlobPrefix   string
	// AutoStorageContainer is the name of a container in the storage account
	// that is linked to the Batch account; it is fetched as ContainerURL is.
	AutoStorageContainer string
	// Identity is the resource id of the managed identity that opens HTTPURL or
	// ContainerURL in place of a SAS.
	Identity string
	// FilePath is relative to the working directory and may not leave it.
	FilePath string
	// FileMode is octal, such as "0755". Default: "0770".
	FileMode string
}

// OutputFile says which files to upload, where to, after which exit codes.
type OutputFile struct {
	// FilePattern is a file name or a pattern, relative to the working
	// directory or absolute, and may reach anything below the task's root, such
	// as "../std*.txt". Environment variables ($NAME and %NAME%) are replaced
	// first; then * is any text, ? any character, [a-c] and [!a-c] one
	// character, all within one name, and ** any number of directories. A
	// leading dot is only matched by a dot. Any of these characters stands for
	// itself in brackets: [*].
	FilePattern string
	// ContainerURL is a blob container with a SAS that may create and write, or
	// one that Identity, the resource id of a managed identity, opens.
	ContainerURL string
	Identity     string
	// Path is the blob's name if FilePattern has no wildcard, otherwise what
	// comes before it, as a directory. The rest of the blob's name is then the
	// file's path relative to the working directory, or to the task's root if
	// the file lies outside the working directory.
	Path string
	// Condition is judged by the exit code of the process. Default:
	// TaskCompletion.
	Condition Condition
	// UploadHeaders are headers of Put Blob: x-ms-blob-content-type and its
	// kin, x-ms-access-tier, and x-ms-meta-*.
	UploadHeaders map[string]string
}

// Condition says after which ends of the process a file is uploaded.
type Condition string

// The conditions of Batch's uploadCondition, spelled as on the wire.
const (
	TaskCompletion Condition = "taskcompletion"
	TaskSuccess    Condition = "tasksuccess"
	TaskFailure    Condition = "taskfailure"
)

// Result is what came of a task.
type Result struct {
	// ExitCode is nil if no process ran. The end by a signal is the signal's
	// number, negated.
	ExitCode *int32
	// Started is the time before the first download; Ended the time after the
	// last upload.
	Started time.Time
	Ended   time.Time
	// Container is what came of the task's container, if it had one.
	Container *ContainerInfo
	// Failure is nil if the process exited with 0 and every upload was made.
	Failure *Failure
}
