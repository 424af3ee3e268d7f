package localbatch

// States, as the wire has them. What each may become is in the functions that
// move a resource from one to another; everything else is refused.
const (
	// Pools, jobs and tasks.
	active    = "active"
	deleting  = "deleting"
	completed = "completed"

	// Tasks, and nodes with tasks.
	running = "running"

	// Tasks whose node waits for the job's preparation task.
	preparing = "preparing"

	// Jobs.
	disabling   = "disabling"
	disabled    = "disabled"
	enabling    = "enabling"
	terminating = "terminating"

	// The allocation of a pool.
	steady   = "steady"
	resizing = "resizing"
	stopping = "stopping"

	// Nodes.
	creating            = "creating"
	starting            = "starting"
	waitingForStartTask = "waitingforstarttask"
	startTaskFailed     = "starttaskfailed"
	idle                = "idle"
	offline             = "offline"
	rebooting           = "rebooting"
	reimaging           = "reimaging"
	deallocating        = "deallocating"
	deallocated         = "deallocated"
	preempted           = "preempted"
	unusable            = "unusable"
	unknown             = "unknown"
	leavingPool         = "leavingpool"

	// Whether a node takes tasks.
	enabled = "enabled"
)
