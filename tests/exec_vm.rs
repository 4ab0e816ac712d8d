//! netns-exec on virtual machines: tests that need cgroups of the machine's own, VRFs, or
//! an older kernel.

mod testbed;

#[test]
fn a_service_keeps_its_cgroup_and_joins_its_vrf() {
    testbed::run_vm(
        "alpine",
        "exec_vm",
        "a_service_keeps_its_cgroup_and_joins_its_vrf",
    );
}

#[test]
fn a_call_waits_whatever_the_kernel_has() {
    testbed::run_vm("alpine", "exec_vm", "a_call_waits_whatever_the_kernel_has");
}

#[test]
fn an_older_kernel_does_as_well() {
    testbed::run_vm("bookworm", "exec_vm", "an_older_kernel_does_as_well");
}
