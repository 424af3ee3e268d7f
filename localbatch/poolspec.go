package localbatch

import (
	"encoding/json"
	"math"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// poolSpec is what a pool is created from. What only concerns Azure's network
// and disks is kept and given back, and means nothing on one machine.
type poolSpec struct {
	ID                           string                `json:"id"`
	DisplayName                  string                `json:"displayName,omitempty"`
	VMSize                       string                `json:"vmSize"`
	VirtualMachineConfiguration  *vmConfiguration      `json:"virtualMachineConfiguration,omitempty"`
	ResizeTimeout                *duration             `json:"resizeTimeout,omitempty"`
	ResourceTags                 json.RawMessage       `json:"resourceTags,omitempty"`
	TargetDedicatedNodes         int32                 `json:"targetDedicatedNodes"`
	TargetLowPriorityNodes       int32                 `json:"targetLowPriorityNodes"`
	EnableAutoScale              bool                  `json:"enableAutoScale"`
	AutoScaleFormula             string                `json:"autoScaleFormula,omitempty"`
	AutoScaleEvaluationInterval  *duration             `json:"autoScaleEvaluationInterval,omitempty"`
	EnableInterNodeCommunication bool                  `json:"enableInterNodeCommunication"`
	NetworkConfiguration         json.RawMessage       `json:"networkConfiguration,omitempty"`
	StartTask                    *startTask            `json:"startTask,omitempty"`
	CloudServiceConfiguration    unsupported           `json:"cloudServiceConfiguration,omitzero"` // of versions before 2024-07-01; Azure has no such pools any more
	CertificateReferences        certificateReferences `json:"certificateReferences,omitempty"`
	ApplicationPackageReferences packageReferences     `json:"applicationPackageReferences,omitempty"`
	ApplicationLicenses          unsupported           `json:"applicationLicenses,omitzero"`
	TaskSlotsPerNode             int32                 `json:"taskSlotsPerNode"`
	TaskSchedulingPolicy         *schedulingPolicy     `json:"taskSchedulingPolicy,omitempty"`
	UserAccounts                 userAccounts          `json:"userAccounts,omitempty"`
	Metadata                     metadata              `json:"metadata,omitempty"`
	MountConfiguration           unsupported           `json:"mountConfiguration,omitzero"`
	TargetNodeCommunicationMode  string                `json:"targetNodeCommunicationMode,omitempty"`
	UpgradePolicy                json.RawMessage       `json:"upgradePolicy,omitempty"`
}

type vmConfiguration struct {
	ImageReference              *imageReference         `json:"imageReference,omitempty"`
	NodeAgentSKUID              string                  `json:"nodeAgentSKUId,omitempty"`
	WindowsConfiguration        unsupported             `json:"windowsConfiguration,omitzero"`
	DataDisks                   json.RawMessage         `json:"dataDisks,omitempty"`
	LicenseType                 string                  `json:"licenseType,omitempty"`
	ContainerConfiguration      *containerConfiguration `json:"containerConfiguration,omitempty"`
	DiskEncryptionConfiguration json.RawMessage         `json:"diskEncryptionConfiguration,omitempty"`
	NodePlacementConfiguration  json.RawMessage         `json:"nodePlacementConfiguration,omitempty"`
	Extensions                  unsupported             `json:"extensions,omitzero"`
	OSDisk                      json.RawMessage         `json:"osDisk,omitempty"`
	SecurityProfile             json.RawMessage         `json:"securityProfile,omitempty"`
	ServiceArtifactReference    json.RawMessage         `json:"serviceArtifactReference,omitempty"`
}

type imageReference struct {
	Publisher             string `json:"publisher,omitempty"`
	Offer                 string `json:"offer,omitempty"`
	SKU                   string `json:"sku,omitempty"`
	Version               string `json:"version,omitempty"`
	VirtualMachineImageID string `json:"virtualMachineImageId,omitempty"`
}

type schedulingPolicy struct {
	NodeFillType string `json:"nodeFillType"`
}

type startTask struct {
	CommandLine         string             `json:"commandLine"`
	ContainerSettings   *containerSettings `json:"containerSettings,omitempty"`
	ResourceFiles       []resourceFile     `json:"resourceFiles,omitempty"`
	EnvironmentSettings []nameValue        `json:"environmentSettings,omitempty"`
	UserIdentity        *userIdentity      `json:"userIdentity,omitempty"`
	MaxTaskRetryCount   *int32             `json:"maxTaskRetryCount,omitempty"`
	WaitForSuccess      *bool              `json:"waitForSuccess,omitempty"`
}

// The limits of task slots, from the REST reference; a real node has at most
// four for each of its cores.
const maxSlots = 256

const (
	minResizeTimeout     = duration(5 * 60 * ticksPerSecond)
	defaultResizeTimeout = duration(15 * 60 * ticksPerSecond)
)

// complete checks the spec and fills in the service's defaults.
func (p *poolSpec) complete() error {
	if err := checkID(p.ID); err != nil {
		return err
	}
	if err := p.completeProperties(); err != nil {
		return err
	}
	return p.ApplicationPackageReferences.check()
}

// completeProperties is complete for an auto pool: it has its id from the
// service, and its packages are looked for when it is made.
func (p *poolSpec) completeProperties() error {
	if err := checkDisplayName(p.DisplayName); err != nil {
		return err
	}
	if p.VMSize == "" {
		return missingProperty("vmSize")
	}
	if err := p.VirtualMachineConfiguration.check(); err != nil {
		return err
	}
	if err := checkTargets(p.TargetDedicatedNodes, p.TargetLowPriorityNodes); err != nil {
		return err
	}
	orDefault(&p.ResizeTimeout, defaultResizeTimeout)
	if err := between("resizeTimeout", *p.ResizeTimeout, minResizeTimeout, unlimited); err != nil {
		return err
	}
	if p.TaskSlotsPerNode == 0 {
		p.TaskSlotsPerNode = 1
	}
	if err := between("taskSlotsPerNode", p.TaskSlotsPerNode, 1, maxSlots); err != nil {
		return err
	}
	if p.TaskSchedulingPolicy == nil {
		p.TaskSchedulingPolicy = &schedulingPolicy{}
	}
	if err := oneOf("taskSchedulingPolicy.nodeFillType", &p.TaskSchedulingPolicy.NodeFillType, "spread", "pack"); err != nil {
		return err
	}
	if err := oneOf("targetNodeCommunicationMode", &p.TargetNodeCommunicationMode, "default", "classic", "simplified"); err != nil {
		return err
	}
	if err := p.StartTask.complete(); err != nil {
		return err
	}
	if err := p.CertificateReferences.complete(); err != nil {
		return err
	}
	if err := p.UserAccounts.complete(); err != nil {
		return err
	}
	if p.StartTask != nil {
		if err := p.UserAccounts.check("startTask.userIdentity", p.StartTask.UserIdentity); err != nil {
			return err
		}
	}
	return p.Metadata.check()
}

func checkTargets(dedicated, lowPriority int32) error {
	if err := between("targetDedicatedNodes", dedicated, 0, math.MaxInt32); err != nil {
		return err
	}
	return between("targetLowPriorityNodes", lowPriority, 0, math.MaxInt32)
}

func (c *vmConfiguration) check() error {
	const property = "virtualMachineConfiguration"
	switch {
	case c == nil:
		return missingProperty(property)
	case c.ImageReference == nil:
		return missingProperty(property + ".imageReference")
	case c.NodeAgentSKUID == "":
		return missingProperty(property + ".nodeAgentSKUId")
	case strings.Contains(strings.ToLower(c.NodeAgentSKUID), "windows"):
		return invalidProperty(property+".nodeAgentSKUId", c.NodeAgentSKUID, "localbatch's nodes are no Windows machines")
	}
	image := c.ImageReference
	named := image.Publisher != "" && image.Offer != "" && image.SKU != ""
	if named == (image.VirtualMachineImageID != "") {
		return invalidProperty(property+".imageReference", "", "it has publisher, offer and sku, or virtualMachineImageId")
	}
	if named && image.Version == "" {
		image.Version = "latest"
	}
	return c.ContainerConfiguration.complete()
}

// complete checks the start task, if there is one, and fills in the defaults.
func (t *startTask) complete() (err error) {
	if t == nil {
		return nil
	}
	if err := t.ContainerSettings.complete("startTask.containerSettings"); err != nil {
		return err
	}
	if strings.TrimSpace(t.CommandLine) == "" && t.ContainerSettings == nil {
		return missingProperty("startTask.commandLine")
	}
	if t.UserIdentity, err = t.UserIdentity.complete("startTask.userIdentity"); err != nil {
		return err
	}
	orDefault(&t.MaxTaskRetryCount, 0)
	orDefault(&t.WaitForSuccess, true)
	if err := checkRetries("startTask.maxTaskRetryCount", t.MaxTaskRetryCount); err != nil {
		return err
	}
	if err := checkEnvironment("startTask.environmentSettings", t.EnvironmentSettings); err != nil {
		return err
	}
	return checkResourceFiles(t.ResourceFiles)
}

// pool is a pool as it is stored, and but for URL, ETag and counts as it is shown.
type pool struct {
	poolSpec
	CreationTime                  store.Time    `json:"creationTime"`
	LastModified                  store.Time    `json:"lastModified"`
	State                         string        `json:"state"`
	StateTransitionTime           store.Time    `json:"stateTransitionTime"`
	AllocationState               string        `json:"allocationState"`
	AllocationStateTransitionTime store.Time    `json:"allocationStateTransitionTime"`
	ResizeErrors                  []resizeError `json:"resizeErrors,omitempty"`
	AutoScaleRun                  *autoScaleRun `json:"autoScaleRun,omitempty"`

	// NodeDeallocationOption is the last resize's; it is not shown.
	NodeDeallocationOption string `json:"nodeDeallocationOption,omitempty"`
	// Allocation is the resize's that goes on; it is not shown either.
	Allocation *allocation `json:"allocation,omitempty"`
	// AutoScaleSchedule is not shown either.
	AutoScaleSchedule autoScaleSchedule `json:"autoScaleSchedule,omitzero"`

	key int64
}

type resizeError struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Values  []nameValue `json:"values,omitempty"`
}

// poolDocument is a pool as it is shown.
type poolDocument struct {
	*pool
	URL                     string `json:"url"`
	ETag                    string `json:"eTag"`
	CurrentDedicatedNodes   int32  `json:"currentDedicatedNodes"`
	CurrentLowPriorityNodes int32  `json:"currentLowPriorityNodes"`

	Identity *poolIdentity `json:"identity,omitempty"`

	// These are always empty: they hide the pool's own.
	NodeDeallocationOption string            `json:"nodeDeallocationOption,omitempty"`
	Allocation             *allocation       `json:"allocation,omitempty"`
	AutoScaleSchedule      autoScaleSchedule `json:"autoScaleSchedule,omitzero"`
}

var poolFields = fields{
	"id": nameKind, "state": choiceKind, "stateTransitionTime": timeKind,
	"allocationState": choiceKind, "allocationStateTransitionTime": timeKind,
	"creationTime": timeKind, "lastModified": timeKind, "enableAutoScale": booleanKind,
	"vmSize": choiceKind, "enableInterNodeCommunication": booleanKind,
}

func (p *pool) property(name string) any {
	return map[string]any{
		"id": p.ID, "state": p.State, "stateTransitionTime": p.StateTransitionTime,
		"allocationState": p.AllocationState, "allocationStateTransitionTime": p.AllocationStateTransitionTime,
		"creationTime": p.CreationTime, "lastModified": p.LastModified, "enableAutoScale": p.EnableAutoScale,
		"vmSize": p.VMSize, "enableInterNodeCommunication": p.EnableInterNodeCommunication,
	}[name]
}

func (p *pool) allocate(state string, now store.Time) {
	if p.AllocationState != state {
		p.AllocationState, p.AllocationStateTransitionTime = state, now
		p.Allocation = nil
	}
}

func (p *pool) mustBeSteady() error {
	if p.State == deleting {
		return beingDeleted("Pool")
	}
	if p.AllocationState != steady {
		return conflict("PoolBeingResized", "The specified pool is being resized.")
	}
	return nil
}
