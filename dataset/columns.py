"""The names of the columns of an order line, once."""

MARKET = "market"
CUSTOMER = "customer_id"
ORDER = "order_id"
ITEM = "item_id"
TIMESTAMP = "timestamp"
QUANTITY = "quantity"
UNIT_PRICE = "unit_price"
ITEM_NAME = "item_name"
CATEGORY = "category"
UNIT_COST = "unit_cost"

REQUIRED = (MARKET, CUSTOMER, ORDER, ITEM, TIMESTAMP, QUANTITY, UNIT_PRICE)
OPTIONAL = (ITEM_NAME, CATEGORY, UNIT_COST)

MARKET_PATTERN = r"^[A-Z]{2,8}$"
