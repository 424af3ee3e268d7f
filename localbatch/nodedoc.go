package localbatch

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/durabatch/durabatch/localbatch/store"
)

// nodeDocument is a node as it is shown.
type nodeDocument struct {
	ID                  string     `json:"id"`
	URL                 string     `json:"url"`
	State               string     `json:"state"`
	StateTransitionTime store.Time `json:"stateTransitionTime"`
	nodeInfo
	IPAddress             string             `json:"ipAddress"`
	AffinityID            string             `json:"affinityId"`
	IsDedicated           bool               `json:"isDedicated"`
	TotalTasksRun         int32              `json:"totalTasksRun"`
	TotalTasksSucceeded   int32              `json:"totalTasksSucceeded"`
	RunningTasksCount     int32              `json:"runningTasksCount"`
	RunningTaskSlotsCount int32              `json:"runningTaskSlotsCount"`
	RecentTasks           []recentTask       `json:"recentTasks,omitempty"`
	EndpointConfiguration nodeEndpoints      `json:"endpointConfiguration"`
	NodeAgentInfo         *nodeAgent         `json:"nodeAgentInfo,omitempty"`
	VirtualMachineInfo    virtualMachineInfo `json:"virtualMachineInfo"`
}

// recentTask is a task that a node has begun lately.
type recentTask struct {
	TaskURL       string            `json:"taskUrl"`
	JobID         string            `json:"jobId"`
	TaskID        string            `json:"taskId"`
	SubtaskID     int32             `json:"subtaskId,omitempty"`
	TaskState     string            `json:"taskState"`
	ExecutionInfo taskExecutionInfo `json:"executionInfo"`
}

type nodeAgent struct {
	Version        string     `json:"version"`
	LastUpdateTime store.Time `json:"lastUpdateTime"`
}

type virtualMachineInfo struct {
	ImageReference *imageReference `json:"imageReference,omitempty"`
}

type nodeEndpoints struct {
	InboundEndpoints []inboundEndpoint `json:"inboundEndpoints"`
}

// inboundEndpoint is where a port of a node is reached: at the node's own
// address, under the port's own number, because nothing stands in between.
type inboundEndpoint struct {
	Name            string `json:"name"`
	Protocol        string `json:"protocol"`
	PublicIPAddress string `json:"publicIPAddress"`
	PublicFQDN      string `json:"publicFQDN"`
	FrontendPort    int32  `json:"frontendPort"`
	BackendPort     int32  `json:"backendPort"`
}

// nodeDocument shows a node; fields are the properties that are asked for.
func (s *Service) nodeDocument(tx *store.Tx, r *http.Request, p *pool, n *computeNode, fields []string) (nodeDocument, error) {
	document := nodeDocument{
		ID: n.ID, URL: s.baseURL(r) + "/pools/" + p.ID + "/nodes/" + n.ID,
		State: n.State, StateTransitionTime: n.StateTime, nodeInfo: n.nodeInfo,
		IPAddress: nodeAddress(n.Key), AffinityID: affinityOf(n.ID), IsDedicated: n.Dedicated,
		TotalTasksRun: n.TasksRun, TotalTasksSucceeded: n.TasksSucceeded,
		RunningTasksCount: n.RunningTasks, RunningTaskSlotsCount: n.RunningSlots,
		EndpointConfiguration: p.endpoints(nodeAddress(n.Key)),
	}
	if p.VirtualMachineConfiguration != nil {
		document.VirtualMachineInfo.ImageReference = p.VirtualMachineConfiguration.ImageReference
	}
	if n.LastBootTime != 0 {
		document.NodeAgentInfo = &nodeAgent{Version: "localbatch", LastUpdateTime: n.LastBootTime}
	}
	var err error
	if len(fields) == 0 || slices.Contains(fields, "recentTasks") {
		document.RecentTasks, err = s.recentTasks(tx, r, n)
	}
	return document, err
}

func (s *Service) recentTasks(tx *store.Tx, r *http.Request, n *computeNode) ([]recentTask, error) {
	var list []recentTask
	for _, text := range strings.Fields(n.Recent) {
		key, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, err
		}
		row, ok, err := tx.TaskByKey(key)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue // it was deleted since
		}
		job, ok, err := tx.JobByKey(row.Job)
		if err != nil {
			return nil, err
		}
		if ok {
			shown := s.taskDocument(r, job.ID, &task{row})
			subtask, err := subtaskOn(tx, row, n.ID)
			if err != nil {
				return nil, err
			}
			list = append(list, recentTask{shown.URL, job.ID, row.ID, subtask, row.State, shown.ExecutionInfo})
		}
	}
	return list, nil
}

// recentTasks puts a task before those that a node has begun lately, of which
// it keeps a few.
func recentTasks(recent string, task int64) string {
	const kept = 10
	key := strconv.FormatInt(task, 10)
	keys := []string{key}
	for _, other := range strings.Fields(recent) {
		if other != key && len(keys) < kept {
			keys = append(keys, other)
		}
	}
	return strings.Join(keys, " ")
}

// endpoints are the ports that a pool's network configuration opens on a node.
func (p *pool) endpoints(address string) nodeEndpoints {
	var network struct {
		EndpointConfiguration struct {
			InboundNATPools []struct {
				Name        string `json:"name"`
				Protocol    string `json:"protocol"`
				BackendPort int32  `json:"backendPort"`
			} `json:"inboundNATPools"`
		} `json:"endpointConfiguration"`
	}
	list := []inboundEndpoint{}
	if json.Unmarshal(p.NetworkConfiguration, &network) != nil {
		return nodeEndpoints{list} // there is none, or none that says anything about ports
	}
	for _, nat := range network.EndpointConfiguration.InboundNATPools {
		list = append(list, inboundEndpoint{
			Name: nat.Name + ".0", Protocol: nat.Protocol, PublicIPAddress: address, PublicFQDN: address,
			FrontendPort: nat.BackendPort, BackendPort: nat.BackendPort,
		})
	}
	return nodeEndpoints{list}
}
