"""What is on sale before anybody has ordered anything."""

from typing import Final

from ..shop import Item


def _item(item_id: int, name: str, price: float, description: str | None, stock: int) -> Item:
    return {"id": item_id, "name": name, "price": price, "description": description, "stock": stock}


SEEDS: Final[tuple[Item, ...]] = (
    _item(1, "笔记本电脑", 5999.0, "高性能", 10),
    _item(2, "机械键盘", 299.0, "RGB背光", 50),
    _item(3, "鼠标", 99.0, "无线", 100),
    # Characters that HTML must escape and JSON must not, no description, nothing in stock.
    _item(4, '显示器 27"', 1299.5, "IPS & 144Hz, <1ms", 18),
    _item(5, "USB-C 数据线", 19.9, None, 400),
    _item(6, "耳机", 349.0, "主动降噪", 0),
    _item(7, "摄像头", 159.0, "1080p", 35),
    _item(8, "麦克风", 229.0, "心形指向", 22),
    _item(9, "扩展坞", 269.0, "8合1", 41),
    _item(10, "移动硬盘", 459.0, "1TB", 64),
    _item(11, "固态硬盘", 529.0, "NVMe, 1TB", 73),
    _item(12, "内存条", 319.0, "DDR5, 16GB", 120),
    _item(13, "显卡", 3499.0, "8GB", 6),
    _item(14, "主板", 899.0, "ATX", 15),
    _item(15, "电源", 399.0, "650W", 27),
    _item(16, "机箱", 259.0, "静音", 33),
    _item(17, "散热器", 129.0, "双塔", 48),
    _item(18, "路由器", 279.0, "Wi-Fi 6", 55),
    _item(19, "交换机", 199.0, "8口", 20),
    _item(20, "打印机", 799.0, "激光", 12),
    # Behind the first page: what may be ordered in a load or a test.
    _item(21, "鼠标垫", 29.0, "防滑", 250),
    _item(22, "笔记本支架", 89.0, "铝合金", 90),
    _item(23, "纪念版键盘", 1999.0, "最后一件", 1),
    _item(24, "贴纸", 0.5, "取之不尽", 1_000_000_000),
)
"""Items by id. The first page of them never changes: no scenario and no story orders any of it."""
