"""Makes the bucket of AWS_STORAGE_BUCKET_NAME where it is missing: for the store of the profile s3."""

import os

import boto3


def main() -> None:
    name = os.environ["AWS_STORAGE_BUCKET_NAME"]
    region = os.environ.get("AWS_S3_REGION_NAME")
    store = boto3.client("s3", endpoint_url=os.environ["AWS_S3_ENDPOINT_URL"], region_name=region)
    if name not in [each["Name"] for each in store.list_buckets()["Buckets"]]:
        store.create_bucket(Bucket=name)
        print(f"Made the bucket {name}.")


if __name__ == "__main__":
    main()
