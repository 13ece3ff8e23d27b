"""A server that dies while it makes devices or tasks makes the rest after its start, and none twice."""

import pytest
from sqlalchemy import insert, literal, select

from skyferry.store.tables import devices, module_versions, products
from tests.support import databases
from tests.support.api import Application, root
from tests.support.server import Server, wait_until

pytestmark = pytest.mark.fault

MANY = 10_000


def many_devices(server: Server, product: str) -> list[str]:
    """The names of devices whose versions are known: written where reports would be, which takes a minute less."""
    root(server.http).register_many(product, MANY)
    version = {"module": literal("default"), "version": literal("1.0.0"), "reported_at": devices.c.created_at}
    owned = devices.c.product_id == products.c.id, products.c.product_key == product
    with databases.connection(server.database) as tx:
        reported = select(devices.c.id, *version.values()).where(*owned)
        tx.execute(insert(module_versions).from_select(["device_id", *version], reported))
        return list(tx.scalars(select(devices.c.name).where(*owned)))


def test_kill_while_devices_are_registered(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_batch")
    apply_id = application.call("BatchRegisterDevice", ProductKey=product, Count=MANY)["Data"]["ApplyId"]
    server.kill()
    server.start()

    application = root(server.http)
    wait_until(lambda: batch_status(application, product, apply_id) == "CREATE_SUCCESS", what="the devices")

    total = application.call("QueryPageByApplyId", ApplyId=apply_id, CurrentPage=1, PageSize=10)["Total"]
    assert total == MANY
    assert application.call("QueryProduct", ProductKey=product)["Data"]["DeviceCount"] == MANY


def test_kill_while_devices_with_given_names_are_registered(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_names")
    names = [f"meter-{number}" for number in range(MANY)]
    checked = application.call("BatchCheckDeviceNames", ProductKey=product, DeviceName=names)
    apply_id = checked["Data"]["ApplyId"]
    server.kill()
    server.start()
    application = root(server.http)
    wait_until(lambda: batch_status(application, product, apply_id) == "CHECK_SUCCESS", what="the check")
    application.call("BatchRegisterDeviceWithApplyId", ProductKey=product, ApplyId=apply_id)
    server.kill()
    server.start()

    application = root(server.http)
    wait_until(lambda: batch_status(application, product, apply_id) == "CREATE_SUCCESS", what="the devices")

    assert [device.name for device in application.registered(product, apply_id, MANY)] == names
    assert application.call("QueryProduct", ProductKey=product)["Data"]["DeviceCount"] == MANY


def test_kill_while_tasks_are_made(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_job")
    names = many_devices(server, product)
    firmware = application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    job = application.create_job(firmware, product)
    server.kill()
    server.start()
    application = root(server.http)
    wait_until(lambda: application.count(job) > 0, what="the first tasks", interval=0.05)
    server.kill()
    server.start()

    application = root(server.http)
    wait_until(lambda: application.count(job) >= MANY, what=f"{MANY} tasks", interval=0.5)
    named = [task["DeviceName"] for task in application.tasks(job)]

    assert len(named) == len(set(named)) == MANY
    assert set(named) == set(names)
    assert application.count(job, "QUEUED") == MANY
    assert application.job_status(job) == "IN_PROGRESS"


def test_kill_while_a_job_is_cancelled(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_cancel")
    many_devices(server, product)
    firmware = application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    job = application.create_job(firmware, product)
    wait_until(lambda: application.count(job) == MANY, what=f"{MANY} tasks", interval=0.5)
    application.call("CancelOTATaskByJob", JobId=job, CancelQueuedTask=True)
    server.kill()
    server.start()

    application = root(server.http)
    application.wait_for_job(job, "CANCELED")

    assert application.count(job, "CANCELED") == application.count(job) == MANY


def test_kill_while_a_list_file_is_worked_off(fresh_server: Server) -> None:
    server = fresh_server
    application = root(server.http)
    product = application.create_product("killed_list")
    names = many_devices(server, product)
    unknown = "".join(f"nobody-{number:05}\n" for number in range(MANY))
    listed = unknown + ",".join(names)
    firmware = application.create_package(product, b"content", "2.0.0", NeedToVerify=False)
    job = application.create_job(
        firmware, product, TargetSelection="SPECIFIC", DnListFileUrl=application.upload_list(listed.encode())
    )
    server.kill()
    server.start()
    application = root(server.http)
    wait_until(lambda: application.count(job) > 0, what="the first tasks", interval=0.05)
    server.kill()
    server.start()

    application = root(server.http)
    wait_until(lambda: application.count(job) >= MANY, what=f"{MANY} tasks", interval=0.5)
    progress = application.call("QueryOTAJobProgress", JobId=job)["Data"]

    assert sorted(application.states(job)) == sorted(names)
    assert (progress["Total"], progress["UnknownNames"], progress["SelectionPercent"]) == (MANY, MANY, 100)
    assert progress["UnknownNameSamples"][0] == "nobody-00000"


def batch_status(application: Application, product: str, apply_id: int) -> str:
    answer = application.call("QueryBatchRegisterDeviceStatus", ProductKey=product, ApplyId=apply_id)
    return str(answer["Data"]["Status"])
