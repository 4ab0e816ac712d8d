//! netns-exec on a virtual machine: what takes cgroups of the machine's own, and VRFs.

mod testbed;

#[test]
fn a_service_keeps_its_cgroup_and_joins_its_vrf() {
    testbed::run_vm(
        "alpine",
        "exec_vm",
        "a_service_keeps_its_cgroup_and_joins_its_vrf",
    );
}
